#include "storage/sqlite/sealing/keyring_table.h"

#include <algorithm>
#include <vector>

#include "storage/sqlite/statements.h"

namespace authstate::storage {

std::vector<KeyringMark> KeyringMarks(SqliteConnection& connection) {
  std::vector<KeyringMark> marks;
  SQLite::Statement& select = connection.Prepare(sql::kSelectKeyring);
  while (select.executeStep()) marks.push_back({TextColumn(select, 0), TextColumn(select, 1)});
  select.reset();
  return marks;
}

absl::Status FitKeyring(SqliteConnection& connection, const Keyring* keyring) {
  const std::vector<KeyringMark> marks = KeyringMarks(connection);
  if (absl::Status checked = CheckKeyring(keyring, marks); !checked.ok() || keyring == nullptr) return checked;
  const bool known = std::any_of(marks.begin(), marks.end(),
                                 [keyring](const KeyringMark& mark) { return mark.key_id == keyring->active(); });
  if (known) return absl::OkStatus();
  const KeyringMark mark = MarkOf(*keyring, keyring->active());
  Run(connection.Prepare(sql::kBeginImmediate));
  SQLite::Statement& insert = connection.Prepare(sql::kInsertKeyring);
  BindText(insert, 1, mark.key_id);
  BindBlob(insert, 2, mark.key_check);
  Run(insert);
  Run(connection.Prepare(sql::kServeFromSealing));
  Run(connection.Prepare(sql::kCommit));
  return absl::OkStatus();
}

}  // namespace authstate::storage

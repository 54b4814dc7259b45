#include "storage/sqlite/sealing/keyring_table.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "storage/sealing/hidden_names.h"
#include "storage/sqlite/sqlite_schema.h"
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
  if (absl::Status checked = CheckKeyring(keyring, marks);
      !checked.ok() || keyring == nullptr || keyring->active().empty()) {
    return checked;
  }
  const bool known = std::any_of(marks.begin(), marks.end(),
                                 [keyring](const KeyringMark& mark) { return mark.key_id == keyring->active(); });
  if (known) return absl::OkStatus();
  const KeyringMark mark = MarkOf(*keyring, keyring->active());
  Run(connection.Prepare(sql::kBeginImmediate));
  SQLite::Statement& insert = connection.Prepare(sql::kInsertKeyring);
  BindText(insert, 1, mark.key_id);
  BindBlob(insert, 2, mark.key_check);
  Run(insert);
  ServeFrom(connection, "sealed_values");
  Run(connection.Prepare(sql::kCommit));
  return absl::OkStatus();
}

std::string HidingKey(SqliteConnection& connection) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectHidingKey);
  std::string wrapped = select.executeStep() ? TextColumn(select, 0) : "";
  select.reset();
  return wrapped;
}

absl::StatusOr<std::string> FitHidingKey(SqliteConnection& connection, const Keyring* keyring, bool hide) {
  if (keyring == nullptr) return "";
  std::string wrapped = HidingKey(connection);
  if (keyring->active().empty() && (hide || !wrapped.empty())) return PlainShowsNames();
  if (!wrapped.empty() || !hide) return wrapped;
  wrapped = HiddenNames::NewKey(*keyring);
  Run(connection.Prepare(sql::kBeginImmediate));
  SQLite::Statement& insert = connection.Prepare(sql::kInsertHidingKey);
  BindBlob(insert, 1, wrapped);
  const bool made = Run(insert) > 0;
  if (made) ServeFrom(connection, "hidden_key_ids");
  Run(connection.Prepare(sql::kCommit));
  return made ? absl::StatusOr<std::string>(std::move(wrapped)) : CannotHideNames();
}

}  // namespace authstate::storage

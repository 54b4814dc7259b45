#include "storage/postgres/schema/keyring_table.h"

#include <algorithm>

#include "storage/error.h"
#include "storage/postgres/sql/row.h"
#include "storage/sealing/hidden_names.h"

namespace authstate::storage {
namespace {

bool Has(const std::vector<KeyringMark>& marks, const std::string& key_id) {
  return std::any_of(marks.begin(), marks.end(), [&key_id](const KeyringMark& mark) { return mark.key_id == key_id; });
}

}  // namespace

absl::StatusOr<std::vector<KeyringMark>> KeyringMarks(PgConnection& connection, const Layout& layout,
                                                      absl::Time deadline) {
  const auto execution = connection.Execute(layout.sealing.keyring, {}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  std::vector<KeyringMark> marks;
  for (const auto& row : execution.rows) {
    std::string check_hex;
    ReadRow(row, marks.emplace_back().key_id, check_hex);
    marks.back().key_check = FromHex(check_hex);
  }
  return marks;
}

absl::Status LegacyCannotBeSealed() {
  return Error(absl::StatusCode::kFailedPrecondition, kKeyringMismatch,
               "the legacy layout cannot be encrypted, as the programs beside authstate read it: serve it without a "
               "keyring, or move its sessions to the native layout");
}

absl::Status FitKeyring(PgConnection& connection, const Layout& layout, const Keyring* keyring, absl::Time deadline) {
  if (layout.sealing.keyring == nullptr) return keyring == nullptr ? absl::OkStatus() : LegacyCannotBeSealed();
  auto marks = KeyringMarks(connection, layout, deadline);
  if (!marks.ok()) return marks.status();
  absl::Status checked = CheckKeyring(keyring, *marks);
  if (!checked.ok() || keyring == nullptr || keyring->active().empty()) return checked;
  if (Has(*marks, keyring->active())) return absl::OkStatus();
  const KeyringMark mark = MarkOf(*keyring, keyring->active());
  const auto remembered = connection.Execute(layout.sealing.remember_key, {mark.key_id, mark.key_check}, deadline);
  if (remembered.failure.has_value()) return ToStatus(*remembered.failure);
  // Another server may have remembered another key of the same id.
  marks = KeyringMarks(connection, layout, deadline);
  return marks.ok() ? CheckKeyring(keyring, *marks) : marks.status();
}

absl::StatusOr<std::string> HidingKey(PgConnection& connection, const Layout& layout, absl::Time deadline) {
  const auto execution = connection.Execute(layout.sealing.hiding_key, {}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  return execution.rows.empty() ? "" : FromHex(ToView(execution.rows[0][0]));
}

absl::StatusOr<std::string> FitHidingKey(PgConnection& connection, const Layout& layout, const Keyring* keyring,
                                         bool hide, absl::Time deadline) {
  if (keyring == nullptr) return "";
  auto wrapped = HidingKey(connection, layout, deadline);
  if (wrapped.ok() && keyring->active().empty() && (hide || !wrapped->empty())) return PlainShowsNames();
  if (!wrapped.ok() || !wrapped->empty() || !hide) return wrapped;
  const auto made = connection.Execute(layout.sealing.hide_key_ids, {HiddenNames::NewKey(*keyring)}, deadline);
  if (made.failure.has_value()) return ToStatus(*made.failure);
  wrapped = HidingKey(connection, layout, deadline);
  return wrapped.ok() && wrapped->empty() ? CannotHideNames() : wrapped;
}

}  // namespace authstate::storage

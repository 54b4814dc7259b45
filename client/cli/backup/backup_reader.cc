#include "client/cli/backup/backup_reader.h"

#include <cstdint>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/conversion.h"

namespace authstate::cli {
namespace {

SessionStamp FromMessage(backup::v1::SessionStart& message) {
  SessionStamp stamp;
  stamp.session_id = std::move(*message.mutable_session_id());
  stamp.revision = message.revision();
  stamp.fence = message.fence();
  stamp.update_time =
      absl::FromUnixSeconds(message.update_time().seconds()) + absl::Nanoseconds(message.update_time().nanos());
  stamp.kept = message.kept();
  return stamp;
}

absl::StatusOr<SessionPart> FromMessage(backup::v1::SessionPage& message) {
  SessionPart part;
  if (message.has_creds()) {
    absl::StatusOr<Value> creds = client::FromMessage(std::move(*message.mutable_creds()));
    if (!creds.ok()) return creds.status();
    part.creds = *std::move(creds);
  }
  absl::StatusOr<std::vector<client::KeyEntry>> keys = client::FromMessage(std::move(*message.mutable_keys()));
  if (!keys.ok()) return keys.status();
  part.keys = *std::move(keys);
  return part;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BackupReader>> BackupReader::Open(const std::string& path, const Keyring& keyring) {
  absl::StatusOr<std::unique_ptr<RecordReader>> file = RecordReader::Open(path, keyring);
  if (!file.ok()) return file.status();
  return std::unique_ptr<BackupReader>(new BackupReader(path, *std::move(file)));
}

absl::Status BackupReader::Damaged(absl::string_view what) const {
  return absl::DataLossError(
      absl::StrCat(path_, " is damaged: ", what, id_.empty() ? "" : absl::StrCat(" (session ", id_, ")")));
}

absl::StatusOr<std::optional<SessionStamp>> BackupReader::NextSession() {
  while (sum_.has_value()) {
    const absl::StatusOr<std::optional<SessionPart>> skipped = NextPart();
    if (!skipped.ok()) return skipped.status();
  }
  absl::StatusOr<UnsealedRecord> next = file_->Next();
  if (!next.ok()) return next.status();
  if (next->record.has_footer()) {
    const absl::Status checked = CheckFooter(next->record.footer());
    if (!checked.ok()) return checked;
    return std::optional<SessionStamp>();
  }
  if (!next->record.has_start()) return Damaged("values stand outside a session");
  SessionStamp stamp = FromMessage(*next->record.mutable_start());
  if (stamp.session_id <= id_) return Damaged("its sessions are not in the order of their ids");
  id_ = stamp.session_id;
  sum_.emplace();
  return std::optional<SessionStamp>(std::move(stamp));
}

absl::StatusOr<std::optional<SessionPart>> BackupReader::NextPart() {
  absl::StatusOr<UnsealedRecord> next = file_->Next();
  if (!next.ok()) return next.status();
  if (next->record.has_end()) {
    const absl::Status checked = CheckEnd(next->record.end());
    if (!checked.ok()) return checked;
    return std::optional<SessionPart>();
  }
  if (!next->record.has_page()) return Damaged("a session has no end");
  absl::StatusOr<SessionPart> part = FromMessage(*next->record.mutable_page());
  if (!part.ok()) return Damaged(part.status().message());
  if (part->creds.has_value()) sum_->AddCreds(*part->creds);
  for (const client::KeyEntry& key : part->keys) sum_->AddKey(key);
  part->packed = std::move(next->packed);
  return std::optional<SessionPart>(*std::move(part));
}

absl::Status BackupReader::CheckEnd(const backup::v1::SessionEnd& end) {
  const bool same = end.has_creds() == sum_->has_creds() && end.keys() == sum_->keys() &&
                    end.value_bytes() == sum_->value_bytes() && end.checksum() == sum_->Finish();
  if (!same) return Damaged("a session has other values than were written");
  ++totals_.sessions;
  totals_.keys += sum_->keys();
  totals_.value_bytes += sum_->value_bytes();
  sum_.reset();
  return absl::OkStatus();
}

absl::Status BackupReader::CheckFooter(const backup::v1::Footer& footer) const {
  const BackupTotals written{footer.sessions(), footer.keys(), footer.value_bytes()};
  return written == totals_ ? absl::OkStatus() : Damaged("its footer counts other sessions");
}

absl::StatusOr<Folder> ReadWholeSession(BackupReader& reader) {
  Folder folder;
  while (true) {
    absl::StatusOr<std::optional<SessionPart>> part = reader.NextPart();
    if (!part.ok()) return part.status();
    if (!part->has_value()) break;
    if ((*part)->creds.has_value()) folder.creds = *std::move((*part)->creds);
    for (client::KeyEntry& key : (*part)->keys) folder.keys.push_back(std::move(key));
  }
  absl::c_sort(folder.keys, [](const client::KeyEntry& a, const client::KeyEntry& b) { return a.name < b.name; });
  return folder;
}

}  // namespace authstate::cli

#include "client/cli/backup/backup_reader.h"

#include <cstdint>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/messages/conversion.h"

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
  stamp.at_home = message.at_home();
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

IdRange IdRange::WithPrefix(const std::string& prefix) {
  IdRange range{prefix, std::nullopt, false};
  // What follows all that begins with it: the same with a greater last byte.
  for (std::string end = prefix; !end.empty(); end.pop_back()) {
    if (static_cast<unsigned char>(end.back()) == 0xffU) continue;
    end.back() = static_cast<char>(end.back() + 1);
    range.until = std::move(end);
    break;
  }
  return range;
}

absl::Status BackupReader::Damaged(absl::string_view what) const {
  return absl::DataLossError(
      absl::StrCat(path_, " is damaged: ", what, id_.empty() ? "" : absl::StrCat(" (session ", id_, ")")));
}

absl::StatusOr<UnsealedRecord> BackupReader::Next() {
  absl::StatusOr<UnsealedRecord> next = file_->Next();
  if (!next.ok()) ++unopened_;
  return next;
}

std::optional<SessionStamp> BackupReader::Begin(backup::v1::SessionStart& start) {
  SessionStamp stamp = FromMessage(start);
  if (stamp.session_id <= id_) return std::nullopt;
  id_ = stamp.session_id;
  sum_.emplace();
  return stamp;
}

absl::StatusOr<std::optional<SessionStamp>> BackupReader::NextSession() {
  while (sum_.has_value()) {
    const absl::StatusOr<std::optional<SessionPart>> rest = NextPart();
    if (!rest.ok()) return rest.status();
  }
  absl::StatusOr<UnsealedRecord> next = Next();
  if (!next.ok()) return next.status();
  if (next->record.has_footer()) {
    const absl::Status checked = skipped_ ? absl::OkStatus() : CheckFooter(next->record.footer());
    if (!checked.ok()) return checked;
    return std::optional<SessionStamp>();
  }
  if (!next->record.has_start()) return Damaged("values stand outside a session");
  std::optional<SessionStamp> stamp = Begin(*next->record.mutable_start());
  if (!stamp.has_value()) return Damaged("its sessions are not in the order of their ids");
  return stamp;
}

std::optional<SessionStamp> BackupReader::SkipDamage(IdRange* lost) {
  // One record that does not open in the middle of a session is of that one.
  lost->exact = sum_.has_value();
  lost->from = sum_.has_value() || id_.empty() ? id_ : IdRange::After(id_);
  sum_.reset();
  skipped_ = true;
  std::optional<SessionStamp> found;
  bool at_end = false;
  while (!file_->lost() && !found.has_value()) {
    absl::StatusOr<UnsealedRecord> next = Next();
    at_end = next.ok() && next->record.has_footer();
    if (next.ok() && next->record.has_start()) found = Begin(*next->record.mutable_start());
  }
  lost->exact = lost->exact && unopened_ == 1 && (found.has_value() || at_end);
  unopened_ = 0;
  lost->until = lost->exact ? IdRange::After(lost->from) : found.has_value() ? std::make_optional(id_) : std::nullopt;
  return found;
}

absl::StatusOr<std::optional<SessionPart>> BackupReader::NextPart() {
  absl::StatusOr<UnsealedRecord> next = Next();
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

#include "client/cli/backup/backup_writer.h"

#include "client/cpp/messages/conversion.h"

namespace authstate::cli {
namespace {

constexpr std::int64_t kMicrosOfSecond = 1'000'000;
constexpr std::int32_t kNanosOfMicro = 1'000;

void SetTime(absl::Time time, google::protobuf::Timestamp* message) {
  const std::int64_t micros = absl::ToUnixMicros(time);
  const std::int64_t part = (micros % kMicrosOfSecond + kMicrosOfSecond) % kMicrosOfSecond;
  message->set_seconds((micros - part) / kMicrosOfSecond);
  message->set_nanos(static_cast<std::int32_t>(part) * kNanosOfMicro);
}

}  // namespace

absl::Status BackupWriter::Start(const SessionStamp& stamp) {
  if (!last_id_.empty() && stamp.session_id <= last_id_) {
    return absl::InternalError("sessions came in another order than that of their ids");
  }
  start_ = file_->mark();
  id_ = stamp.session_id;
  sum_.emplace();
  backup::v1::Record record;
  backup::v1::SessionStart& start = *record.mutable_start();
  start.set_session_id(stamp.session_id);
  start.set_revision(stamp.revision);
  start.set_fence(stamp.fence);
  SetTime(stamp.update_time, start.mutable_update_time());
  start.set_kept(stamp.kept);
  start.set_at_home(stamp.at_home);
  return file_->Append(record);
}

absl::Status BackupWriter::Add(SessionPart part) {
  if (part.creds.has_value()) sum_->AddCreds(*part.creds);
  for (const client::KeyEntry& key : part.keys) sum_->AddKey(key);
  if (!part.packed.empty()) return file_->AppendPacked(part.packed);
  if (!part.creds.has_value() && part.keys.empty()) return absl::OkStatus();
  backup::v1::Record record;
  backup::v1::SessionPage& page = *record.mutable_page();
  if (part.creds.has_value()) *page.mutable_creds() = client::ToMessage(*std::move(part.creds));
  for (client::KeyEntry& key : part.keys) *page.add_keys() = client::ToMessage(std::move(key));
  return file_->Append(record);
}

absl::Status BackupWriter::End() {
  backup::v1::Record record;
  backup::v1::SessionEnd& end = *record.mutable_end();
  end.set_has_creds(sum_->has_creds());
  end.set_keys(sum_->keys());
  end.set_value_bytes(sum_->value_bytes());
  end.set_checksum(sum_->Finish());
  ++totals_.sessions;
  totals_.keys += sum_->keys();
  totals_.value_bytes += sum_->value_bytes();
  sum_.reset();
  last_id_ = id_;
  return file_->Append(record);
}

absl::Status BackupWriter::Abandon() {
  if (!sum_.has_value()) return absl::OkStatus();
  sum_.reset();
  return file_->GoBackTo(start_);
}

absl::Status BackupWriter::Finish() {
  backup::v1::Footer footer;
  footer.set_sessions(totals_.sessions);
  footer.set_keys(totals_.keys);
  footer.set_value_bytes(totals_.value_bytes);
  return file_->Finish(footer);
}

}  // namespace authstate::cli

#include "client/cli/backup/collector.h"

namespace authstate::cli {
namespace {

bool IsUnchanged(const SessionStamp& stamp, const client::SessionSummary& listed) {
  return listed.revision_tells_all && !stamp.kept && stamp.session_id == listed.session_id &&
         stamp.revision == listed.revision && stamp.fence == listed.lease.fence &&
         stamp.update_time == listed.update_time;
}

}  // namespace

void Collector::AddSource(std::unique_ptr<BackupReader> earlier, bool finished) {
  sources_.push_back({std::move(earlier), finished, std::nullopt});
  Advance(sources_.back());
}

void Collector::Advance(Source& source) {
  absl::StatusOr<std::optional<SessionStamp>> next = source.reader->NextSession();
  if (!next.ok()) return End(source, next.status());
  source.at = *std::move(next);
}

void Collector::End(Source& source, const absl::Status& why) {
  source.at.reset();
  if (source.finished) source_errors_.push_back(why);
}

absl::Status Collector::Written(absl::Status status) {
  write_failed_ = write_failed_ || !status.ok();
  return status;
}

absl::StatusOr<Collected> Collector::Collect(const client::SessionSummary& session) {
  for (Source& source : sources_) {
    while (source.at.has_value() && source.at->session_id < session.session_id) Advance(source);
    if (!reuse_ || !source.at.has_value() || !IsUnchanged(*source.at, session)) continue;
    const absl::StatusOr<bool> taken = TakeOver(source, /*kept=*/false);
    if (!taken.ok()) return taken.status();
    if (*taken) return Collected::kTakenOver;
  }
  const absl::Status read = Read(session);
  if (read.ok()) return Collected::kRead;
  if (write_failed_) return read;
  const absl::Status abandoned = Written(writer_.Abandon());
  if (!abandoned.ok()) return abandoned;
  if (absl::IsNotFound(read)) return Collected::kGone;
  // What the server says of this session may not be so of the next one.
  if (!absl::IsDataLoss(read) && !absl::IsInternal(read)) return read;
  return Keep(session.session_id);
}

// Of the files that have the session, the one that has it as it was last.
absl::StatusOr<Collected> Collector::Keep(const std::string& session_id) {
  while (true) {
    Source* latest = nullptr;
    for (Source& source : sources_) {
      if (!source.at.has_value() || source.at->session_id != session_id) continue;
      if (latest == nullptr || source.at->revision > latest->at->revision) latest = &source;
    }
    if (latest == nullptr) return Collected::kDamaged;
    const absl::StatusOr<bool> taken = TakeOver(*latest, /*kept=*/true);
    if (!taken.ok()) return taken.status();
    if (*taken) return Collected::kKept;
  }
}

// False where the file turns out to be damaged, or not to go so far.
absl::StatusOr<bool> Collector::TakeOver(Source& source, bool kept) {
  SessionStamp stamp = *source.at;
  stamp.kept = stamp.kept || kept;
  absl::Status written = writer_.Start(stamp);
  while (written.ok()) {
    absl::StatusOr<std::optional<SessionPart>> part = source.reader->NextPart();
    if (!part.ok()) {
      End(source, part.status());
      const absl::Status abandoned = Written(writer_.Abandon());
      if (!abandoned.ok()) return abandoned;
      return false;
    }
    if (!part->has_value()) break;
    written = writer_.Add(**std::move(part));
  }
  if (written.ok()) written = writer_.End();
  if (!written.ok()) return Written(written);
  Advance(source);
  return true;
}

absl::Status Collector::Read(const client::SessionSummary& session) {
  bool started = false;
  absl::Status loaded = client_.LoadSession(session.session_id, 0, [&](client::SessionPage page) {
    if (!started) {
      absl::Status status =
          Written(writer_.Start({session.session_id, page.revision, session.lease.fence, session.update_time}));
      if (!status.ok()) return status;
      started = true;
    }
    if (page.creds.has_value()) bytes_read_ += page.creds->bytes.size();
    for (const client::KeyEntry& key : page.keys) bytes_read_ += key.value.bytes.size();
    return Written(writer_.Add({std::move(page.creds), std::move(page.keys), ""}));
  });
  if (!loaded.ok()) return loaded;
  return started ? Written(writer_.End()) : absl::InternalError("the server sent nothing of it");
}

}  // namespace authstate::cli

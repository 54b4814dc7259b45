#include "client/cli/backup/collector.h"

#include <algorithm>
#include <cstddef>

#include "absl/algorithm/container.h"
#include "client/cli/terminal/lease_text.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

// A session whose reading ends early is read again so often, after so long at first and twice as long each time.
constexpr int kMoreTries = 5;
constexpr absl::Duration kFirstWait = absl::Milliseconds(250);

bool IsOfThisMoment(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status) ||
         absl::IsAborted(status);
}

bool IsUnchanged(const SessionStamp& stamp, const client::SessionSummary& listed) {
  return listed.revision_tells_all && !stamp.kept && stamp.session_id == listed.session_id &&
         stamp.revision == listed.revision && stamp.fence == listed.lease.fence &&
         stamp.at_home == IsAtHome(listed.lease) && stamp.update_time == listed.update_time;
}

}  // namespace

void Collector::AddSource(std::unique_ptr<BackupReader> earlier, bool finished) {
  sources_.emplace_back();
  Source& source = sources_.back();
  source.reader = std::move(earlier);
  source.finished = finished;
  Advance(source);
}

const SessionStamp* Collector::Offer(const Source& source) {
  if (!source.at.has_value()) return nullptr;
  for (const Source* older = &source; older->newer != nullptr; older = older->newer) {
    const bool lost_there =
        absl::c_any_of(older->newer->lost, [&](const IdRange& range) { return range.Has(source.at->session_id); });
    if (!lost_there) return nullptr;
  }
  return &*source.at;
}

void Collector::Advance(Source& source) {
  absl::StatusOr<std::optional<SessionStamp>> next = source.reader->NextSession();
  if (!next.ok()) return PassDamage(source, next.status());
  source.at = *std::move(next);
}

// What stands after the damage is as good as what stands before.
void Collector::PassDamage(Source& source, const absl::Status& damage) {
  IdRange lost;
  source.at = source.reader->SkipDamage(&lost);
  if (!source.finished) return;
  source_errors_.push_back(damage);
  source.lost.push_back(std::move(lost));
  const bool has_older = absl::c_any_of(sources_, [&](const Source& other) { return other.newer == &source; });
  if (!has_older) AddOlder(source);
}

void Collector::AddOlder(const Source& damaged) {
  std::unique_ptr<BackupReader> reader = options_.older();
  if (reader == nullptr) return;
  sources_.emplace_back();
  Source& older = sources_.back();
  older.reader = std::move(reader);
  older.finished = true;
  older.newer = &damaged;
  Advance(older);
  // What stands before has been dealt with.
  while (older.at.has_value() && older.at->session_id < damaged.lost.front().from) Advance(older);
}

absl::Status Collector::Written(absl::Status status) {
  write_failed_ = write_failed_ || !status.ok();
  return status;
}

// Takes all files past this session, which has been dealt with. On the way another file may come to them.
void Collector::Pass(const client::SessionSummary& session, Collected outcome) {
  if (IsAtHome(session.lease) && outcome != Collected::kGone) at_home_.push_back(session.session_id);
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    while (sources_[i].at.has_value() && sources_[i].at->session_id <= session.session_id) Advance(sources_[i]);
  }
}

absl::StatusOr<Collected> Collector::Collect(const client::SessionSummary& session) {
  absl::StatusOr<Collected> outcome = TakeOverOrRead(session);
  if (outcome.ok()) Pass(session, *outcome);
  return outcome;
}

absl::StatusOr<Collected> Collector::TakeOverOrRead(const client::SessionSummary& session) {
  for (std::size_t i = 0; options_.reuse && i < sources_.size(); ++i) {
    const SessionStamp* const offer = Offer(sources_[i]);
    if (offer == nullptr || !IsUnchanged(*offer, session)) continue;
    const absl::StatusOr<bool> taken = TakeOver(sources_[i], /*kept=*/false);
    if (!taken.ok()) return taken.status();
    if (*taken) return Collected::kTakenOver;
  }
  return ReadOrKeep(session);
}

absl::StatusOr<std::optional<CollectedSession>> Collector::CollectUnlisted(
    const std::optional<std::string>& session_id) {
  const std::string* first = nullptr;
  for (const Source& source : sources_) {
    const SessionStamp* const offer = Offer(source);
    if (offer == nullptr || (session_id.has_value() && offer->session_id >= *session_id)) continue;
    if (first == nullptr || offer->session_id < *first) first = &offer->session_id;
  }
  if (first == nullptr) return std::optional<CollectedSession>();
  client::SessionSummary session;
  session.session_id = *first;
  // When it was last written is not known, so that the next backup reads it again.
  session.update_time = absl::UnixEpoch();
  const absl::StatusOr<client::Lease> lease = client_.GetLease(session.session_id);
  if (!lease.ok() && !absl::IsNotFound(lease.status()) && !absl::IsDataLoss(lease.status())) return lease.status();
  if (lease.ok()) session.lease = *lease;
  const absl::StatusOr<Collected> outcome = ReadOrKeep(session);
  if (!outcome.ok()) return outcome.status();
  for (const Source& source : sources_) {
    const bool had_it = source.at.has_value() && source.at->session_id == session.session_id;
    if (had_it && IsFirstFinished(source) && *outcome == Collected::kGone) ++vanished_;
  }
  Pass(session, *outcome);
  return CollectedSession{session.session_id, *outcome};
}

std::uint64_t Collector::known() const {
  std::uint64_t known = 0;
  for (const Source& source : sources_) known += IsFirstFinished(source) ? source.reader->totals().sessions : 0;
  return known;
}

absl::StatusOr<Collected> Collector::ReadOrKeep(const client::SessionSummary& session) {
  const absl::Status read = Read(session);
  if (read.ok()) return Collected::kRead;
  if (write_failed_) return read;
  if (absl::IsNotFound(read)) return Collected::kGone;
  // What the server says of this session may not be so of the next one.
  if (!absl::IsDataLoss(read) && !absl::IsInternal(read)) return read;
  return Keep(session.session_id);
}

// Keeps the session from the file that has it as it was last.
absl::StatusOr<Collected> Collector::Keep(const std::string& session_id) {
  while (true) {
    Source* latest = nullptr;
    for (Source& source : sources_) {
      const SessionStamp* const offer = Offer(source);
      if (offer == nullptr || offer->session_id != session_id) continue;
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
      PassDamage(source, part.status());
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

// Leaves nothing of a session that could not be read.
absl::Status Collector::Read(const client::SessionSummary& session) {
  absl::Duration wait = kFirstWait;
  for (int left = kMoreTries;; --left, wait *= 2) {
    const absl::Status read = ReadOnce(session);
    if (read.ok() || write_failed_) return read;
    const absl::Status abandoned = Written(writer_.Abandon());
    if (!abandoned.ok()) return abandoned;
    if (left == 0 || !IsOfThisMoment(read)) return read;
    const absl::Status waited =
        options_.wait(std::max(wait, client::RetryDelayOf(read).value_or(absl::ZeroDuration())));
    if (!waited.ok()) return waited;
  }
}

absl::Status Collector::ReadOnce(const client::SessionSummary& session) {
  bool started = false;
  absl::Status loaded = client_.LoadSession(session.session_id, 0, [&](client::SessionPage page) {
    if (!started) {
      absl::Status status =
          Written(writer_.Start({session.session_id, page.revision, session.lease.fence, session.update_time,
                                 /*kept=*/false, IsAtHome(session.lease)}));
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

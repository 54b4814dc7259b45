#include "storage/moving/session_comparison.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/moving/same_database.h"
#include "storage/moving/session_digest.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kListPage = 1000;
constexpr std::size_t kRenewals = 500;
// Sessions that are looked at side by side, as the way to a database takes its time. Each has a snapshot of both
// databases open, of which a server has as many as this on PostgreSQL, unless it is told otherwise.
constexpr std::size_t kAtOnce = 3;
constexpr absl::Duration kLongestSleep = absl::Milliseconds(100);

// The same on both databases at once, as the way to each takes its time.
template <typename Ask>
auto AskBoth(Backend& source, Backend& target, Ask ask) {
  auto of_target = std::async(std::launch::async, [&] { return ask(target); });
  auto of_source = ask(source);
  return std::make_pair(std::move(of_source), of_target.get());
}

std::string DifferenceOf(const SessionDigest& source, const SessionDigest& target) {
  if (source.SameContent(target)) return "";
  if (!target.exists) return "is missing on the target";
  if (!source.exists) return "is on the target only";
  std::vector<std::string> parts;
  if (source.has_creds && !target.has_creds) {
    parts.emplace_back("has no creds on the target");
  } else if (!source.has_creds && target.has_creds) {
    parts.emplace_back("has creds on the target only");
  } else if (source.creds != target.creds) {
    parts.emplace_back("creds differ");
  }
  if (source.key_count != target.key_count) {
    parts.push_back(absl::StrCat("has ", source.key_count, " keys, and ", target.key_count, " on the target"));
  } else if (source.keys != target.keys) {
    parts.emplace_back("keys differ");
  }
  if (source.fence != target.fence) {
    parts.push_back(absl::StrCat("is at fence ", source.fence, ", and at ", target.fence, " on the target"));
  }
  return absl::StrJoin(parts, "; ");
}

absl::Status GivenUp() { return Error(absl::StatusCode::kCancelled, kSwitchCancelled, "the switch was given up"); }

// What several threads share that take one piece of work after the other, until one fails. Thread-safe.
class SharedWork {
 public:
  SharedWork(std::size_t total, const std::function<bool()>& cancelled,
             const SessionComparison::OnCompared& on_compared)
      : total_(total), cancelled_(cancelled), on_compared_(on_compared) {}

  // The next piece; nullopt: there is none, or all is given up.
  std::optional<std::size_t> Next() {
    const absl::MutexLock lock(&mutex_);
    if (!status_.ok() || next_ == total_) return std::nullopt;
    on_compared_(next_, total_);
    if (cancelled_()) {
      status_ = GivenUp();
      return std::nullopt;
    }
    return next_++;
  }
  void Fail(const absl::Status& status) {
    const absl::MutexLock lock(&mutex_);
    status_.Update(status);
  }
  // Waits until so many bytes may have been read, at so many a second.
  void Pace(std::uint64_t bytes, std::uint64_t bytes_per_second) {
    const absl::MutexLock lock(&mutex_);
    if (bytes_per_second == 0) return;
    bytes_ += bytes;
    const absl::Time due = start_ + absl::Seconds(static_cast<double>(bytes_) / static_cast<double>(bytes_per_second));
    while (absl::Now() < due && status_.ok()) {
      if (cancelled_()) status_ = GivenUp();
      absl::SleepFor(std::min(kLongestSleep, due - absl::Now()));
    }
  }
  absl::Status status() const {
    const absl::MutexLock lock(&mutex_);
    return status_;
  }

 private:
  const std::size_t total_;
  const std::function<bool()>& cancelled_;
  const SessionComparison::OnCompared& on_compared_;
  const absl::Time start_ = absl::Now();
  mutable absl::Mutex mutex_;
  std::size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::uint64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<SessionComparison> SessionComparison::GoingOn(bool reversed) const {
  auto next = std::make_unique<SessionComparison>(reversed ? target_ : source_, reversed ? source_ : target_,
                                                  Options{CopyOptions(), 0});
  for (const auto& [session_id, finding] : findings_) {
    if (!finding.difference.empty()) continue;
    const auto& [source, target] = finding.standing;
    next->findings_[session_id].standing = {reversed ? target : source, reversed ? source : target};
  }
  if (!reversed) next->written_by_others_ = written_by_others_;
  return next;
}

bool SessionComparison::Same(const SessionSummary& a, const SessionSummary& b) {
  return a.session_id == b.session_id && a.revision == b.revision && a.has_creds == b.has_creds &&
         a.key_count == b.key_count && a.update_time == b.update_time && a.lease.fence == b.lease.fence &&
         a.lease.owner == b.lease.owner;
}

absl::StatusOr<SessionComparison::Listing> SessionComparison::ListAll(Backend& backend,
                                                                      const RoundBounds& bounds) const {
  Listing all;
  ListRequest request;
  request.limit = kListPage;
  request.with_gone = options_.copy.has_value();
  while (true) {
    const absl::Time asked = absl::Now();
    auto page = AwaitCall<absl::StatusOr<std::vector<SessionSummary>>>(
        [&](auto done) { backend.List(request, bounds.Next(), std::move(done)); });
    if (!page.ok()) return page.status();
    const absl::Time answered = absl::Now();
    const bool last = page->size() < kListPage;
    if (!last) request.after = page->back().session_id;
    for (SessionSummary& summary : *page) {
      if (summary.session_id == kSameDatabaseSession) continue;
      std::string session_id = summary.session_id;
      all[std::move(session_id)] = {std::move(summary), asked, answered};
    }
    if (last) return all;
  }
}

absl::StatusOr<SessionComparison::Finding> SessionComparison::Look(const std::string& session_id,
                                                                   const Standing& standing, absl::Time deadline) {
  absl::StatusOr<Finding> finding =
      options_.copy.has_value() ? Copy(session_id, deadline) : Compare(session_id, deadline);
  if (!finding.ok()) return finding;
  finding->standing = standing;
  finding->since = absl::Now();
  return finding;
}

absl::StatusOr<SessionComparison::Finding> SessionComparison::Compare(const std::string& session_id,
                                                                      absl::Time deadline) {
  const auto [source, target] =
      AskBoth(source_, target_, [&](Backend& backend) { return DigestSession(backend, session_id, deadline); });
  if (!source.ok()) return source.status();
  if (!target.ok()) return target.status();
  Finding finding;
  finding.difference = DifferenceOf(*source, *target);
  finding.other_revision = source->revision != target->revision;
  return finding;
}

absl::StatusOr<SessionComparison::Finding> SessionComparison::Copy(const std::string& session_id, absl::Time deadline) {
  CopyOptions options = *options_.copy;
  const bool by_others = !options.overwrites && written_by_others_.count(session_id) > 0;
  if (by_others) options.writes = false;
  absl::StatusOr<CopyResult> result = CopySession(source_, target_, session_id, options, deadline);
  if (!result.ok()) return result.status();
  Finding finding;
  finding.difference = std::move(result->what);
  finding.refused = result->state == CopyResult::State::kRefused;
  if (by_others && !finding.difference.empty()) {
    finding.difference = std::string(kWrittenByOthers);
    finding.refused = true;
  }
  finding.copied = result->state == CopyResult::State::kCopied;
  finding.written_by_others = result->written_by_others;
  finding.bytes_read = result->bytes_read;
  return finding;
}

absl::Status SessionComparison::RenewLeases(const RoundBounds& bounds) {
  std::vector<LeaseRequest> due;
  const auto side = [](const Listed& listed) { return LeaseSide{listed.summary.lease, listed.asked, listed.answered}; };
  for (const auto& [session_id, finding] : findings_) {
    const LeaseSide source = side(finding.standing.source);
    const LeaseSide target = side(finding.standing.target);
    if (!finding.difference.empty() || source.lease.fence != target.lease.fence || !target.lease.held()) continue;
    if (NeedsRenewal(source, target)) due.push_back(Renewal(session_id, source));
  }
  for (std::size_t begin = 0; begin < due.size(); begin += kRenewals) {
    const std::size_t end = std::min(due.size(), begin + kRenewals);
    std::vector<LeaseRequest> some(due.begin() + static_cast<std::ptrdiff_t>(begin),
                                   due.begin() + static_cast<std::ptrdiff_t>(end));
    const auto renewed = AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
        [&](auto done) { target_.Leases(std::move(some), bounds.Next(), std::move(done)); });
    for (std::size_t i = 0; i < renewed.size(); ++i) {
      if (renewed[i].ok()) continue;
      if (!absl::IsFailedPrecondition(renewed[i].status())) return renewed[i].status();
      findings_.erase(due[begin + i].session_id);
    }
  }
  return absl::OkStatus();
}

absl::Status SessionComparison::LookAtAll(const std::vector<std::string>& session_ids,
                                          const std::map<std::string, Standing>& standings, const RoundBounds& bounds,
                                          const std::function<bool()>& cancelled, const OnCompared& on_compared) {
  std::vector<std::optional<Finding>> found(session_ids.size());
  SharedWork work(session_ids.size(), cancelled, on_compared);
  const std::uint64_t pace = bounds.end == absl::InfiniteFuture() ? options_.max_bytes_per_second : 0;
  const auto take = [&] {
    while (const std::optional<std::size_t> i = work.Next()) {
      absl::StatusOr<Finding> finding = Look(session_ids[*i], standings.at(session_ids[*i]), bounds.Next());
      if (!finding.ok()) return work.Fail(finding.status());
      work.Pace(finding->bytes_read, pace);
      found[*i] = *std::move(finding);
    }
  };
  std::vector<std::future<void>> others;
  for (std::size_t i = 1; i < std::min(kAtOnce, session_ids.size()); ++i) {
    others.push_back(std::async(std::launch::async, take));
  }
  take();
  for (std::future<void>& other : others) other.get();

  for (std::size_t i = 0; i < session_ids.size(); ++i) {
    std::optional<Finding>& finding = found[i];
    if (!finding.has_value()) continue;
    copies_ += finding->copied ? 1 : 0;
    if (finding->written_by_others) written_by_others_.insert(session_ids[i]);
    bytes_read_ += finding->bytes_read;
    const auto before = findings_.find(session_ids[i]);
    if (before != findings_.end()) {
      finding->since = before->second.since;
      finding->rounds = before->second.rounds + 1;
    }
    findings_[session_ids[i]] = *std::move(finding);
  }
  return work.status();
}

absl::Status SessionComparison::Round(const RoundBounds& bounds, const std::function<bool()>& cancelled,
                                      const OnCompared& on_compared) {
  auto [source, target] = AskBoth(source_, target_, [&](Backend& backend) { return ListAll(backend, bounds); });
  if (!source.ok()) return source.status();
  if (!target.ok()) return target.status();

  std::map<std::string, Standing> standings;
  for (auto& [session_id, listed] : *source) standings[session_id].source = std::move(listed);
  for (auto& [session_id, listed] : *target) standings[session_id].target = std::move(listed);

  // Whatever is not read again below counts as unknown in the next round.
  std::map<std::string, Finding> findings;
  for (const auto& [session_id, standing] : standings) {
    const auto before = findings_.find(session_id);
    if (before == findings_.end() || !Same(before->second.standing.source.summary, standing.source.summary) ||
        !Same(before->second.standing.target.summary, standing.target.summary)) {
      continue;
    }
    Finding& finding = findings[session_id] = std::move(before->second);
    finding.standing = standing;
  }
  findings_ = std::move(findings);
  if (options_.copy.has_value() && options_.copy->writes) {
    if (absl::Status renewed = RenewLeases(bounds); !renewed.ok()) return renewed;
  }

  std::vector<std::string> to_read;
  for (const auto& [session_id, standing] : standings) {
    const auto known = findings_.find(session_id);
    if (known == findings_.end() || !known->second.difference.empty()) to_read.push_back(session_id);
  }
  read_ = to_read.size();
  absl::Status looked = LookAtAll(to_read, standings, bounds, cancelled, on_compared);
  if (looked.ok()) on_compared(to_read.size(), to_read.size());
  return looked;
}

std::size_t SessionComparison::equal_sessions() const {
  return static_cast<std::size_t>(std::count_if(findings_.begin(), findings_.end(),
                                                [](const auto& entry) { return entry.second.difference.empty(); }));
}

std::size_t SessionComparison::other_revisions() const {
  return static_cast<std::size_t>(std::count_if(findings_.begin(), findings_.end(), [](const auto& entry) {
    return entry.second.difference.empty() && entry.second.other_revision;
  }));
}

std::vector<SessionDifference> SessionComparison::DifferencesThat(
    const std::function<bool(const Finding&)>& chosen) const {
  std::vector<SessionDifference> differences;
  for (const auto& [session_id, finding] : findings_) {
    if (!finding.difference.empty() && chosen(finding)) differences.push_back({session_id, finding.difference});
  }
  return differences;
}

std::vector<SessionDifference> SessionComparison::Differences() const {
  return DifferencesThat([](const Finding& /*finding*/) { return true; });
}

std::vector<SessionDifference> SessionComparison::Refusals() const {
  return DifferencesThat([](const Finding& finding) { return finding.refused; });
}

std::vector<SessionDifference> SessionComparison::LastingDifferences(absl::Time since) const {
  return DifferencesThat([since](const Finding& finding) { return finding.rounds >= 2 && finding.since <= since; });
}

}  // namespace authstate::storage

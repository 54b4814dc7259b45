#include "storage/memory/memory_backend.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/grants/maintenance_terms.h"
#include "storage/memory/memory_grants.h"
#include "storage/near/store_id.h"
#include "storage/recent_commits.h"

namespace authstate::storage {
namespace {

struct StoredKey {
  Value value;
  absl::Time change_time;
};

using Keys = std::map<KeyName, StoredKey>;

struct Session {
  // `remaining` is that of the last change; At() tells it for a moment.
  Lease lease;
  std::uint64_t applied_number = 0;
  std::uint64_t revision = 0;
  bool exists = false;
  std::optional<Value> creds;
  Keys keys;
  RecentCommits recent_commits;
  absl::Time update_time = absl::UnixEpoch();
};

Lease At(Lease lease, absl::Time now) {
  if (lease.held()) lease.remaining = lease.expire_time - now;
  return lease;
}

bool Passed(absl::Time deadline) { return deadline <= absl::Now(); }

class MemorySnapshot final : public Snapshot {
 public:
  // `session` has what is asked for alone.
  MemorySnapshot(Session session, const SnapshotRequest& request)
      : session_(std::move(session)),
        want_values_(request.want_values),
        summarizes_(request.summarizes()),
        next_(session_.keys.begin()) {}

  std::uint64_t revision() const override { return session_.revision; }
  const std::optional<Value>& creds() const override { return session_.creds; }
  const Lease& lease() const override { return session_.lease; }
  const RecentCommits& recent_commits() const override { return session_.recent_commits; }

  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override {
    if (Passed(deadline)) {
      std::move(done)(DeadlinePassedInQueue());
      return;
    }
    Page page;
    std::size_t bytes = 0;
    for (; next_ != session_.keys.end(); ++next_) {
      const auto& [name, key] = *next_;
      const std::size_t value_bytes = key.value.bytes.size();
      bytes += ByteSize(name, want_values_ ? value_bytes : 0);
      if (bytes > max_bytes && !page.empty()) break;
      if (want_values_) {
        page.keys.push_back({name, key.value});
      }
      if (summarizes_) {
        page.summaries.push_back({name, value_bytes, key.change_time});
      }
    }
    page.last = next_ == session_.keys.end();
    std::move(done)(std::move(page));
  }

 private:
  const Session session_;
  const bool want_values_;
  const bool summarizes_;
  Keys::const_iterator next_;
};

class MemoryBackend final : public Backend {
 public:
  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override;
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override;
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override;
  void List(ListRequest request, absl::Time deadline, ListDone done) override;

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override;

  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    if (Passed(deadline)) return std::move(done)(DeadlinePassedInQueue());
    if (request.action == GrantRequest::Action::kBeginMaintenance ||
        request.action == GrantRequest::Action::kEndMaintenance) {
      LetLeasesLiveOn(request);
    }
    std::move(done)(grants_.Do(request, absl::Now()));
  }

  void Ping(absl::Time deadline, PingDone done) override {
    std::move(done)(Passed(deadline) ? DeadlinePassedInQueue() : absl::OkStatus());
  }

  Description Describe() const override { return {"memory", "memory", "memory", 0, "", "", "", store_id_}; }

 private:
  absl::StatusOr<Applied> ApplyOne(Commit commit) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<LeaseResult> LeaseOne(const LeaseRequest& request) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LetLeasesLiveOn(const GrantRequest& request) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<ReadResult> ReadOne(const ReadRequest& request) ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const std::string store_id_ = RandomStoreId();
  absl::Mutex mutex_;
  // A deleted session stays, for its revision.
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  MemoryGrants grants_;
};

absl::Status CheckPreconditions(const Commit& commit, const Session& session) {
  if (commit.expected_revision.has_value() && *commit.expected_revision != session.revision) {
    return RevisionMismatch(*commit.expected_revision, session.revision);
  }
  if (commit.action == Commit::Action::kDeleteCreds && !session.creds.has_value()) return NoCreds(session.revision);
  if (commit.action == Commit::Action::kDeleteSession && !session.exists && !commit.carried.has_value()) {
    return NoSession(session.revision);
  }
  if (commit.carried.has_value() && commit.carried->revision <= session.revision) {
    return RevisionPassed(commit.carried->revision, session.revision);
  }
  return absl::OkStatus();
}

void WriteTo(Commit commit, absl::Time now, Session& session) {
  if (commit.creds.has_value()) session.creds = *std::move(commit.creds);
  if (commit.clear_keys) session.keys.clear();
  for (const KeyName& name : commit.deletes) session.keys.erase(name);
  for (KeyWrite& write : commit.sets) session.keys[std::move(write.name)] = {std::move(write.value), now};
  session.exists = true;
}

absl::StatusOr<Applied> MemoryBackend::ApplyOne(Commit commit) {
  const auto found = sessions_.find(commit.session_id);
  const Session never_written;
  const Session& before = found == sessions_.end() ? never_written : found->second;
  if (const auto revision = before.recent_commits.Find(commit.id)) return Applied{*revision};
  Lease lease = At(before.lease, absl::Now());
  absl::Status checked = commit.fence == 0 ? AdvanceForUnfencedCommit(&lease) : CheckFence(lease, commit.fence);
  if (checked.ok() && commit.number != 0) {
    if (commit.number <= before.applied_number) return Applied{before.revision};
    if (commit.number > before.applied_number + 1) checked = NumberGap(commit.number, before.applied_number);
  }
  if (checked.ok()) checked = CheckPreconditions(commit, before);
  if (!checked.ok()) return checked;

  Session& session = sessions_[commit.session_id];
  session.revision = commit.carried.has_value() ? commit.carried->revision : session.revision + 1;
  if (commit.carried.has_value()) {
    session.recent_commits = std::move(commit.carried->recent);
  } else {
    session.recent_commits.Add(commit.id, session.revision);
  }
  // Numbers count under one fence.
  if (lease.fence != session.lease.fence) session.applied_number = 0;
  session.lease = std::move(lease);
  if (commit.number != 0) session.applied_number = commit.number;
  session.update_time = absl::Now();
  switch (commit.action) {
    case Commit::Action::kWriteWithoutCreds:
      session.creds.reset();
      [[fallthrough]];
    case Commit::Action::kWrite:
      WriteTo(std::move(commit), session.update_time, session);
      break;
    case Commit::Action::kDeleteCreds:
      session.creds.reset();
      break;
    case Commit::Action::kDeleteSession:
      session.creds.reset();
      session.keys.clear();
      session.exists = false;
      break;
  }
  return Applied{session.revision};
}

void MemoryBackend::Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
  std::vector<absl::StatusOr<Applied>> results;
  results.reserve(commits.size());
  if (Passed(deadline)) {
    results.assign(commits.size(), DeadlinePassedInQueue());
  } else {
    const absl::MutexLock lock(&mutex_);
    for (Commit& commit : commits) results.push_back(ApplyOne(std::move(commit)));
  }
  std::move(done)(std::move(results));
}

absl::StatusOr<LeaseResult> MemoryBackend::LeaseOne(const LeaseRequest& request) {
  const absl::Time now = absl::Now();
  const auto found = sessions_.find(request.session_id);
  LeaseResult result;
  if (found != sessions_.end()) {
    const Session& before = found->second;
    result = {At(before.lease, now), before.revision, before.applied_number, before.recent_commits, before.update_time};
  }
  absl::Status advanced = Advance(request, now, &result);
  if (!advanced.ok()) return advanced;
  if (found == sessions_.end() && request.action == LeaseRequest::Action::kGet) return result;
  Session& session = sessions_[request.session_id];
  session.lease = result.lease;
  session.applied_number = result.applied_number;
  session.revision = result.revision;
  return result;
}

void MemoryBackend::LetLeasesLiveOn(const GrantRequest& request) {
  const std::optional<MaintenanceTerms> before = grants_.maintenance();
  if (!before.has_value()) return;
  const absl::Time now = absl::Now();
  const absl::MutexLock lock(&mutex_);
  for (auto& [session_id, session] : sessions_) {
    const auto until = LivesOnUntil(session_id, session.lease, *before, request, now);
    if (until.has_value()) session.lease.expire_time = *until;
  }
}

void MemoryBackend::Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) {
  std::vector<absl::StatusOr<LeaseResult>> results;
  results.reserve(requests.size());
  if (Passed(deadline)) {
    results.assign(requests.size(), DeadlinePassedInQueue());
  } else {
    const absl::MutexLock lock(&mutex_);
    for (const LeaseRequest& request : requests) results.push_back(LeaseOne(request));
  }
  std::move(done)(std::move(results));
}

absl::StatusOr<ReadResult> MemoryBackend::ReadOne(const ReadRequest& request) {
  ReadResult result;
  const auto found = sessions_.find(request.session_id);
  if (request.fence != 0) {
    const Lease never_held;
    const Lease& lease = found == sessions_.end() ? never_held : found->second.lease;
    if (absl::Status checked = CheckFence(lease, request.fence); !checked.ok()) return checked;
  }
  if (found == sessions_.end()) {
    result.values.resize(request.keys.size());
    return result;
  }
  const Session& session = found->second;
  result.exists = session.exists;
  result.revision = session.revision;
  if (request.want_creds) result.creds = session.creds;
  std::size_t bytes = result.creds.has_value() ? result.creds->bytes.size() : 0;
  for (const KeyName& name : request.keys) {
    const auto key = session.keys.find(name);
    std::optional<Value> value;
    if (key != session.keys.end()) value = key->second.value;
    bytes += value.has_value() ? value->bytes.size() : 0;
    result.values.push_back(std::move(value));
  }
  if (bytes > request.max_bytes) return ResponseTooLarge(request.max_bytes);
  return result;
}

void MemoryBackend::Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) {
  std::vector<absl::StatusOr<ReadResult>> results;
  results.reserve(requests.size());
  if (Passed(deadline)) {
    results.assign(requests.size(), DeadlinePassedInQueue());
  } else {
    const absl::ReaderMutexLock lock(&mutex_);
    for (const ReadRequest& request : requests) results.push_back(ReadOne(request));
  }
  std::move(done)(std::move(results));
}

// What the request asks for of a session.
Session Selected(Session session, const SnapshotRequest& request, absl::Time now) {
  if (!request.want_creds) session.creds.reset();
  for (auto key = session.keys.begin(); key != session.keys.end();) {
    key = request.Selects(key->first.type, key->second.change_time, now) ? std::next(key) : session.keys.erase(key);
  }
  return session;
}

std::uint64_t StoredBytes(const Session& session) {
  std::uint64_t bytes = session.creds.has_value() ? session.creds->bytes.size() : 0;
  for (const auto& [name, key] : session.keys) bytes += key.value.bytes.size();
  return bytes;
}

void MemoryBackend::OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) {
  if (Passed(deadline)) {
    std::move(done)(DeadlinePassedInQueue());
    return;
  }
  absl::StatusOr<std::unique_ptr<Snapshot>> snapshot = NoSession(0);
  {
    const absl::ReaderMutexLock lock(&mutex_);
    const auto found = sessions_.find(request.session_id);
    if (found != sessions_.end()) {
      if (found->second.exists) {
        snapshot = std::make_unique<MemorySnapshot>(Selected(found->second, request, absl::Now()), request);
      } else {
        snapshot = NoSession(found->second.revision);
      }
    }
  }
  std::move(done)(std::move(snapshot));
}

void MemoryBackend::List(ListRequest request, absl::Time deadline, ListDone done) {
  if (Passed(deadline)) {
    std::move(done)(DeadlinePassedInQueue());
    return;
  }
  const absl::Time now = absl::Now();
  std::vector<SessionSummary> summaries;
  {
    const absl::ReaderMutexLock lock(&mutex_);
    for (auto at = sessions_.upper_bound(request.after); at != sessions_.end() && summaries.size() < request.limit;
         ++at) {
      const auto& [session_id, session] = *at;
      const Lease lease = At(session.lease, now);
      const bool has_creds = session.creds.has_value();
      const bool listed = request.leased ? lease.live() && absl::StartsWith(lease.owner, request.owner_prefix)
                                         : session.exists || request.with_gone;
      if (!listed || !absl::StartsWith(session_id, request.prefix)) continue;
      if (request.unwritten_for.has_value() && session.update_time > now - *request.unwritten_for) continue;
      if (request.has_creds.value_or(has_creds) != has_creds) continue;
      summaries.push_back({session_id, session.revision, has_creds, session.keys.size(), session.update_time, lease,
                           request.want_size ? StoredBytes(session) : 0});
    }
  }
  std::move(done)(std::move(summaries));
}

}  // namespace

std::unique_ptr<Backend> NewMemoryBackend() { return std::make_unique<MemoryBackend>(); }

}  // namespace authstate::storage

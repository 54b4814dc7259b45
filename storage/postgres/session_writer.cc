#include "storage/postgres/session_writer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "contract/limits.h"
#include "storage/error.h"
#include "storage/postgres/commit_parameters.h"
#include "storage/postgres/row.h"
#include "storage/postgres/statements.h"

namespace authstate::storage {
namespace {

// A statement takes the largest commit and then some; more would make others wait behind it for little gain.
constexpr std::size_t kMaxWaveBytes = 2 * kMaxCommitBytes;
constexpr std::size_t kMaxWaveMembers = 1000;
// A standby that was promoted, or a primary that was found among several hosts, answers the second try.
constexpr int kMaxStandbyAnswers = 2;

std::size_t ByteSize(const Commit& commit) {
  std::size_t bytes = commit.creds.has_value() ? commit.creds->bytes.size() : 0;
  for (const KeyWrite& write : commit.sets) bytes += write.value.bytes.size() + write.name.id.size();
  for (const KeyName& name : commit.deletes) bytes += name.id.size();
  return bytes;
}

// Whether the commit may pass the lease that a row of statements::kCommit shows.
absl::Status CheckLease(const Commit& commit, const pqxx::row& row) {
  Lease lease;
  lease.fence = static_cast<std::uint64_t>(ToInt(row[4]));
  lease.owner = ToText(row[5]);
  if (commit.fence != 0) return CheckFence(lease, commit.fence);
  return ToBool(row[6]) ? LeaseHeld(lease) : absl::OkStatus();
}

class SessionWriter {
 public:
  SessionWriter(PgConnection& connection, const std::vector<Commit>& commits, absl::Time deadline)
      : connection_(connection), commits_(commits), deadline_(deadline), results_(commits.size()) {}

  std::vector<absl::StatusOr<Applied>> Run() &&;

 private:
  // Places in `commits_`.
  using Wave = std::vector<std::size_t>;

  // The next statement's worth of commits without a result.
  Wave NextWave() const;
  void Send(const Wave& wave);
  void Understand(const Wave& wave, const pqxx::result& rows);
  void Fail(const Wave& wave, const Failure& failure);
  // Every commit that has no result yet was not sent, and will not be.
  void GiveUp(const absl::Status& status);

  PgConnection& connection_;
  const std::vector<Commit>& commits_;
  const absl::Time deadline_;
  std::vector<std::optional<absl::StatusOr<Applied>>> results_;
  int standby_answers_ = 0;
};

SessionWriter::Wave SessionWriter::NextWave() const {
  Wave wave;
  std::size_t bytes = 0;
  absl::flat_hash_set<absl::string_view> sessions;
  for (std::size_t i = 0; i < commits_.size() && wave.size() < kMaxWaveMembers; ++i) {
    if (results_[i].has_value()) continue;
    // Also a session that has no room in this wave is closed to its later commits.
    if (!sessions.insert(commits_[i].session_id).second) continue;
    const std::size_t commit_bytes = ByteSize(commits_[i]);
    if (!wave.empty() && bytes + commit_bytes > kMaxWaveBytes) continue;
    bytes += commit_bytes;
    wave.push_back(i);
  }
  return wave;
}

std::vector<absl::StatusOr<Applied>> SessionWriter::Run() && {
  for (Wave wave = NextWave(); !wave.empty(); wave = NextWave()) {
    if (absl::Now() >= deadline_) {
      GiveUp(DeadlinePassedInQueue());
      break;
    }
    Send(wave);
  }
  std::vector<absl::StatusOr<Applied>> results;
  results.reserve(results_.size());
  for (auto& result : results_) results.push_back(*std::move(result));
  return results;
}

void SessionWriter::Send(const Wave& wave) {
  CommitParameters parameters;
  for (const std::size_t member : wave) parameters.Add(commits_[member]);
  const PgConnection::Execution execution =
      connection_.Execute(statements::kCommit, std::move(parameters).Encode(), deadline_);
  if (execution.failure.has_value()) {
    Fail(wave, *execution.failure);
  } else {
    Understand(wave, execution.rows);
  }
}

// One row a member: the new revision if it passed, and what the statement's snapshot had.
void SessionWriter::Understand(const Wave& wave, const pqxx::result& rows) {
  for (std::size_t i = 0; i < wave.size(); ++i) {
    const auto row = rows[static_cast<pqxx::result::size_type>(i)];
    const Commit& commit = commits_[wave[i]];
    const auto revision = static_cast<std::uint64_t>(ToInt(row[1]));
    const bool present = ToBool(row[2]);
    const bool has_creds = ToBool(row[3]);
    const absl::Status lease = CheckLease(commit, row);
    const auto applied_number = static_cast<std::uint64_t>(ToInt(row[7]));
    auto& result = results_[wave[i]];
    if (!row[0].is_null()) {
      result = Applied{static_cast<std::uint64_t>(ToInt(row[0]))};
    } else if (!lease.ok()) {
      result = lease;
    } else if (commit.number != 0 && commit.number <= applied_number) {
      result = Applied{revision};
    } else if (commit.number > applied_number + 1) {
      result = NumberGap(commit.number, applied_number);
    } else if (commit.expected_revision.value_or(revision) != revision) {
      result = RevisionMismatch(*commit.expected_revision, revision);
    } else if (commit.action == Commit::Action::kDeleteCreds && !has_creds) {
      result = NoCreds(revision);
    } else if (commit.action == Commit::Action::kDeleteSession && !present) {
      result = NoSession(revision);
    }
    // Else it lost a race, and stays without a result.
  }
}

void SessionWriter::Fail(const Wave& wave, const Failure& failure) {
  if (failure.fault == Fault::kAgain && !failure.overran) return;
  if (failure.fault == Fault::kStandby && ++standby_answers_ < kMaxStandbyAnswers) return;
  if (MayBeOneMembersFault(failure.sqlstate) && wave.size() > 1) {
    for (const std::size_t member : wave) Send({member});
    return;
  }
  for (const std::size_t member : wave) results_[member] = ToCommitStatus(failure);
  const bool gone = failure.fault == Fault::kNeverBegan || failure.fault == Fault::kLost ||
                    failure.fault == Fault::kInDoubt || failure.fault == Fault::kStandby;
  if (failure.overran) {
    GiveUp(DeadlinePassedInQueue());
  } else if (gone) {
    Failure unsent = failure;
    unsent.sent = false;
    GiveUp(ToCommitStatus(unsent));
  }
}

void SessionWriter::GiveUp(const absl::Status& status) {
  for (auto& result : results_) {
    if (!result.has_value()) result = status;
  }
}

}  // namespace

std::vector<absl::StatusOr<Applied>> ApplyCommits(PgConnection& connection, const std::vector<Commit>& commits,
                                                  absl::Time deadline) {
  return SessionWriter(connection, commits, deadline).Run();
}

}  // namespace authstate::storage

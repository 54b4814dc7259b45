#include "storage/postgres/session/session_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "contract/limits.h"
#include "storage/batch_room.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/session/commit_parameters.h"
#include "storage/postgres/session/commit_resolution.h"
#include "storage/postgres/session/divide_wave.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {
namespace {

// A statement takes the largest commit and then some, as PostgreSQL bounds what it takes at once. How many commits
// share one is up to the caller (storage/batch_limits.h).
constexpr std::size_t kMaxWaveBytes = 2 * kMaxCommitBytes;
// How long after it was sent a commit may begin, beside the time that its bytes take. Short: so long may it take until
// a commit in doubt is known not to have been applied. One that was too late is sent again with twice as much.
constexpr absl::Duration kBeginAllowance = absl::Seconds(2);
constexpr int kMostDoublings = 10;
constexpr double kLeastBytesPerSecond = 4 << 20;
// A statement gets this share of the time that is left; in the rest its doubts can be resolved.
constexpr double kStatementShare = 0.75;
// How often the commits of one call may be sent again after they were in doubt: a statement that the database cannot
// stand must not fell it for ever.
constexpr int kMaxDoubts = 4;
// Where one of several doubts waits for a lock.
constexpr absl::Duration kPauseAmongDoubts = absl::Milliseconds(50);
// With less time left than this, what had to give way to others is not run again.
constexpr absl::Duration kLeastRepetition = absl::Milliseconds(100);
// A standby that was promoted, or a primary that was found among several hosts, answers the second try.
constexpr int kMaxStandbyAnswers = 2;

// Whether the commit may pass the lease that a row of statements::kCommit shows.
absl::Status CheckLease(const Commit& commit, const pqxx::row& row) {
  Lease lease;
  lease.fence = static_cast<std::uint64_t>(ToInt(row[7]));
  lease.owner = ToText(row[8]);
  if (commit.fence != 0) return CheckFence(lease, commit.fence);
  return ToBool(row[9]) ? LeaseHeld(lease) : absl::OkStatus();
}

const char* SqlOf(const Layout& layout, CommitForm form) {
  switch (form) {
    case CommitForm::kSets:
      return layout.commit_sets;
    case CommitForm::kWrites:
      return layout.commit_writes;
    case CommitForm::kAny:
      break;
  }
  return layout.commit;
}

}  // namespace

SessionWriter::SessionWriter(const Layout& layout, std::vector<Commit> commits, absl::Time deadline, PatchBases* bases,
                             IsLocked is_locked)
    : layout_(layout),
      bases_(layout.packs_values ? bases : nullptr),
      is_locked_(std::move(is_locked)),
      commits_(std::move(commits)),
      deadline_(deadline),
      results_(commits_.size()),
      tried_(commits_.size()),
      doubtful_(commits_.size()) {}

void SessionWriter::Begin() {
  begun_ = true;
  for (const Commit& commit : commits_) {
    waits_ = waits_ && commit.wait_for_lock && commit.session_id == commits_.front().session_id;
  }
  for (std::size_t i = 0; i < commits_.size(); ++i) {
    absl::Status encoded = layout_.encode != nullptr ? layout_.encode(commits_[i]) : absl::OkStatus();
    if (!encoded.ok()) {
      results_[i] = WithOutcome(std::move(encoded), Outcome::kNotApplied);
    } else if (!waits_ && is_locked_ != nullptr && is_locked_(commits_[i].session_id)) {
      results_[i] = SessionLocked();
    }
  }
}

SessionWriter::Wave SessionWriter::NextWave() {
  Wave wave;
  while (wave.empty() && !parts_.empty()) {
    for (const std::size_t member : parts_.front()) {
      if (Pending(member)) wave.push_back(member);
    }
    parts_.pop_front();
  }
  if (!wave.empty()) return wave;
  BatchRoom room(commits_.size(), kMaxWaveBytes);
  absl::flat_hash_set<absl::string_view> sessions;
  for (std::size_t i = 0; i < commits_.size(); ++i) {
    if (results_[i].has_value()) continue;
    // Also a session that has no room in this wave, or whose next commit is in doubt, is closed to its later ones.
    if (!sessions.insert(commits_[i].session_id).second || doubtful_[i]) continue;
    if (room.Take(1, ByteSize(commits_[i]))) wave.push_back(i);
  }
  std::sort(wave.begin(), wave.end(),
            [this](std::size_t a, std::size_t b) { return commits_[a].session_id < commits_[b].session_id; });
  return wave;
}

std::optional<PutBack> SessionWriter::Work(PgConnection& connection) {
  connection_ = &connection;
  if (!begun_) Begin();
  std::optional<PutBack> in_doubt = Resolve();
  for (Wave wave = NextWave(); !wave.empty(); wave = NextWave()) {
    if (absl::Now() >= deadline_) {
      GiveUp(DeadlinePassedInQueue());
      break;
    }
    locked_ = false;
    Send(wave);
    // Where others may go on, what is left comes after what waits meanwhile.
    if (locked_) return waits_ ? PutBack{} : PutBack{absl::ZeroDuration()};
    in_doubt = Resolve();
  }
  return in_doubt;
}

SessionWriter::Results SessionWriter::Finish(const absl::Status& status) {
  for (const Doubt& doubt : doubts_) Settle(doubt, std::vector<Verdict>(doubt.members.size()));
  doubts_.clear();
  GiveUp(status);
  Results results;
  results.reserve(results_.size());
  for (auto& result : results_) results.push_back(*std::move(result));
  return results;
}

CommitForm SessionWriter::StatementFor(CommitForm form) const {
  return needs_any_ || SqlOf(layout_, form) == nullptr ? CommitForm::kAny : form;
}

void SessionWriter::Send(const Wave& wave) {
  if (std::optional<Failure> failure = connection_->ReadClock(deadline_); failure.has_value()) {
    failure->sent = false;
    return Fail(wave, *failure);
  }
  CommitParameters parameters(layout_.packs_values, bases_);
  std::size_t bytes = 0;
  std::size_t keys = 0;
  for (const std::size_t member : wave) {
    parameters.Add(commits_[member], tried_[member]);
    tried_[member] = true;
    bytes += ByteSize(commits_[member]);
    keys += commits_[member].sets.size() + commits_[member].deletes.size();
  }
  const absl::Time now = absl::Now();
  const absl::Time cut = connection_->StatementDeadline(now + (deadline_ - now) * kStatementShare);
  const absl::Duration allowance =
      (kBeginAllowance + absl::Seconds(static_cast<double>(bytes) / kLeastBytesPerSecond)) * (1 << late_);
  const auto asked = DatabaseClock::Steady::now();
  DoubtfulStatement statement;
  statement.sent_after = connection_->clock().Earliest(asked);
  statement.not_after = connection_->clock().Latest(asked) + absl::ToInt64Microseconds(std::min(allowance, cut - now));

  std::vector<CommitParameters::NewBase> new_bases = parameters.TakeNewBases();
  const CommitForm form = StatementFor(parameters.form());
  const PgConnection::Execution execution = connection_->Continue(
      SqlOf(layout_, form),
      std::move(parameters).Encode(form, statement.not_after, LockTimeout(LockPatience(was_locked_), cut)), cut,
      layout_.PlanningFor(keys));
  if (!execution.failure.has_value()) {
    const auto row = execution.rows[0];
    const bool late = ToBool(row[5]);
    if (late && late_ < kMostDoublings) ++late_;
    // A clock that misled us is taken anew, also where the reading is not a close one.
    if (late) connection_->clock().Forget();
    connection_->clock().Read(asked, ToInt(row[6]), DatabaseClock::Steady::now());
    Understand(wave, execution.rows);
    const bool answered =
        std::none_of(wave.begin(), wave.end(), [this](std::size_t member) { return Pending(member); });
    needs_any_ = needs_any_ || (form != CommitForm::kAny && !late && !answered);
    Keep(wave, execution.rows, std::move(new_bases));
  } else if (InDoubt(*execution.failure)) {
    BeginDoubt(wave, *execution.failure, std::move(statement));
  } else {
    Fail(wave, *execution.failure);
  }
}

void SessionWriter::Keep(const Wave& wave, const pqxx::result& rows, std::vector<CommitParameters::NewBase> bases) {
  for (CommitParameters::NewBase& base : bases) {
    const bool passed = !rows[static_cast<pqxx::result::size_type>(base.member)][0].is_null();
    if (passed) bases_->Put(commits_[wave[base.member]].session_id, *base.name, std::move(base.base));
  }
}

// One row a member: the new revision if it passed, and what the statement's snapshot had.
void SessionWriter::Understand(const Wave& wave, const pqxx::result& rows) {
  Wave replayed;
  for (std::size_t i = 0; i < wave.size(); ++i) {
    const auto row = rows[static_cast<pqxx::result::size_type>(i)];
    const Commit& commit = commits_[wave[i]];
    const auto revision = static_cast<std::uint64_t>(ToInt(row[1]));
    const bool present = ToBool(row[2]);
    const bool has_creds = ToBool(row[3]);
    const bool late = ToBool(row[5]);
    const auto applied_number = static_cast<std::uint64_t>(ToInt(row[10]));
    const absl::Status lease = CheckLease(commit, row);
    const bool recorded = !row[4].is_null();
    const bool numbered = !late && lease.ok() && commit.number != 0 && commit.number <= applied_number;
    auto& result = results_[wave[i]];
    if (!row[0].is_null()) {
      result = Applied{static_cast<std::uint64_t>(ToInt(row[0]))};
    } else if (recorded || numbered) {
      replayed.push_back(wave[i]);
    } else if (late) {
      continue;
    } else if (!lease.ok()) {
      result = lease;
    } else if (commit.number > applied_number + 1) {
      result = NumberGap(commit.number, applied_number);
    } else if (commit.expected_revision.value_or(revision) != revision) {
      result = RevisionMismatch(*commit.expected_revision, revision);
    } else if (commit.action == Commit::Action::kDeleteCreds && !has_creds) {
      result = NoCreds(revision);
    } else if (commit.action == Commit::Action::kDeleteSession && !present) {
      result = NoSession(revision);
    }
    // Else it lost a race, and stays without a result, like one that was too late.
  }
  if (!replayed.empty()) ConfirmReplays(replayed);
}

// A commit that this statement only read may not be on the standby yet which the primary waits for. When it is looked
// up, that standby may be the primary, and not have it.
void SessionWriter::ConfirmReplays(const Wave& replayed) {
  Doubt doubt;
  doubt.members = replayed;
  doubt.failure.fault = Fault::kInDoubt;
  doubt.failure.sent = true;
  // Nobody knows when it was.
  doubt.statement.sent_after = std::numeric_limits<std::int64_t>::min();
  for (const std::size_t member : replayed) {
    doubtful_[member] = true;
    doubt.statement.commits.push_back(&commits_[member]);
  }
  doubts_.push_back(std::move(doubt));
}

void SessionWriter::BeginDoubt(const Wave& wave, const Failure& failure, DoubtfulStatement statement) {
  Doubt doubt;
  for (const std::size_t member : wave) {
    if (commits_[member].id == 0) {
      results_[member] = ToCommitStatus(failure);
    } else {
      doubtful_[member] = true;
      doubt.members.push_back(member);
      statement.commits.push_back(&commits_[member]);
    }
  }
  if (doubt.members.empty()) return;
  ++doubts_had_;
  doubt.failure = failure;
  doubt.statement = std::move(statement);
  doubts_.push_back(std::move(doubt));
}

std::optional<PutBack> SessionWriter::Resolve() {
  std::optional<PutBack> soonest;
  for (std::size_t left = doubts_.size(); left > 0; --left) {
    Doubt doubt = std::move(doubts_.front());
    doubts_.pop_front();
    Resolution resolution;
    if (absl::Now() < deadline_) {
      resolution = ResolveCommits(*connection_, layout_, doubt.statement, LockPatience(was_locked_), deadline_);
    }
    was_locked_ = was_locked_ || resolution.locked();
    if (!resolution.again.has_value()) {
      resolution.verdicts.resize(doubt.members.size());
      Settle(doubt, resolution.verdicts);
    } else if (resolution.locked() && doubt.members.size() > 1) {
      // Each by itself: what is known of one need not wait for the lock of another.
      for (std::size_t i = 0; i < doubt.members.size(); ++i) {
        Doubt part{{doubt.members[i]}, doubt.failure, doubt.statement};
        part.statement.commits = {doubt.statement.commits[i]};
        doubts_.push_back(std::move(part));
      }
      return PutBack{absl::ZeroDuration()};
    } else {
      doubts_.push_back(std::move(doubt));
      if (resolution.locked()) return doubts_.size() > 1 ? PutBack{kPauseAmongDoubts} : PutBack{};
      if (!soonest.has_value() || *resolution.again->pause < *soonest->pause) soonest = resolution.again;
    }
  }
  return soonest;
}

void SessionWriter::Settle(const Doubt& doubt, const std::vector<Verdict>& verdicts) {
  for (std::size_t i = 0; i < doubt.members.size(); ++i) {
    auto& result = results_[doubt.members[i]];
    doubtful_[doubt.members[i]] = false;
    if (verdicts[i].fate == Fate::kUnknown) {
      result = ToCommitStatus(doubt.failure);
    } else if (verdicts[i].fate == Fate::kApplied) {
      result = Applied{verdicts[i].revision};
    } else if (doubts_had_ >= kMaxDoubts) {
      result = WithOutcome(ToStatus(doubt.failure), Outcome::kNotApplied);
    }
  }
}

void SessionWriter::GiveWay(const Wave& wave) {
  locked_ = true;
  was_locked_ = true;
  if (wave.size() > 1) {
    DivideWave(wave, &parts_);
  } else if (!waits_) {
    // Those that follow it as well: they must not come to be before it.
    for (std::size_t i = wave.front(); i < commits_.size(); ++i) {
      if (Pending(i) && commits_[i].session_id == commits_[wave.front()].session_id) results_[i] = SessionLocked();
    }
  }
}

void SessionWriter::Fail(const Wave& wave, const Failure& failure) {
  if (LockedOut(failure)) return GiveWay(wave);
  const bool again = failure.fault == Fault::kAgain;
  if (again && deadline_ - absl::Now() >= kLeastRepetition) return;
  if (failure.fault == Fault::kStandby && ++standby_answers_ < kMaxStandbyAnswers) return;
  if (MayBeOneMembersFault(failure.sqlstate) && wave.size() > 1) {
    for (const std::size_t member : wave) {
      if (Pending(member)) Send({member});
    }
    return;
  }
  if (again || failure.overran) return GiveUp(DeadlinePassedInQueue());
  const absl::Status why = layout_.refuses != nullptr && layout_.refuses(failure.sqlstate)
                               ? Error(absl::StatusCode::kInvalidArgument, kNotInLayout,
                                       absl::StrCat("a value is one that the ", layout_.name,
                                                    " layout cannot hold (SQLSTATE ", failure.sqlstate, ")"))
                               : ToStatus(failure);
  const absl::Status status = WithOutcome(why, Outcome::kNotApplied);
  for (const std::size_t member : wave) results_[member] = status;
  const bool gone = failure.fault == Fault::kNeverBegan || failure.fault == Fault::kLost ||
                    failure.fault == Fault::kInDoubt || failure.fault == Fault::kStandby;
  if (gone) GiveUp(status);
}

void SessionWriter::GiveUp(const absl::Status& status) {
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (Pending(i)) results_[i] = status;
  }
}

}  // namespace authstate::storage

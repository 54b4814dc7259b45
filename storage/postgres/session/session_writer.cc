#include "storage/postgres/session/session_writer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "contract/limits.h"
#include "storage/batches/batch_room.h"
#include "storage/error.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/session/commit_parameters.h"
#include "storage/postgres/session/commit_resolution.h"
#include "storage/postgres/sql/row.h"

namespace authstate::storage {
namespace {

// A statement takes the largest commit and then some, as PostgreSQL bounds what it takes at once. How many commits
// share one is up to the caller (storage/batches/batch_limits.h).
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

// Whether the commit may pass the lease that the statement's snapshot had.
absl::Status CheckLease(const Commit& commit, const CommitRow& row) {
  if (commit.fence != 0) return CheckFence(row.lease, commit.fence);
  return row.lease_is_live ? LeaseHeld(row.lease) : absl::OkStatus();
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

SessionWriter::SessionWriter(const Layout& layout, SessionKeys& keys, std::vector<Commit> commits, absl::Time deadline,
                             PatchBases* bases, IsLocked is_locked)
    : layout_(layout),
      keys_(keys),
      bases_(layout.packs_values ? bases : nullptr),
      deadline_(deadline),
      waves_(std::move(commits), deadline, std::move(is_locked)),
      tried_(waves_.size()) {}

void SessionWriter::Encode() {
  if (layout_.encode == nullptr) return;
  for (std::size_t i = 0; i < waves_.size(); ++i) {
    absl::Status encoded = layout_.encode(waves_[i]);
    if (!encoded.ok()) waves_.Answer(i, WithOutcome(std::move(encoded), Outcome::kNotApplied));
  }
}

Wave SessionWriter::NextWave() {
  BatchRoom room(waves_.size(), kMaxWaveBytes);
  return waves_.Next([&room](const Commit& commit) { return room.Take(1, ByteSize(commit)); });
}

std::optional<PutBack> SessionWriter::Work(PgConnection& connection) {
  connection_ = &connection;
  if (!std::exchange(encoded_, true)) Encode();
  std::optional<PutBack> in_doubt = Resolve();
  const std::optional<PutBack> gave_way = waves_.Run([this] { return NextWave(); },
                                                     [this, &in_doubt](const Wave& wave) {
                                                       Send(wave);
                                                       if (!waves_.gave_way()) in_doubt = Resolve();
                                                     });
  return gave_way.has_value() ? gave_way : in_doubt;
}

SessionWriter::Results SessionWriter::Finish(const absl::Status& status) {
  for (const Doubt& doubt : doubts_) Settle(doubt, std::vector<Verdict>(doubt.members.size()));
  doubts_.clear();
  return waves_.Finish(status);
}

CommitForm SessionWriter::StatementFor(CommitForm form) const {
  return needs_any_ || SqlOf(layout_, form) == nullptr ? CommitForm::kAny : form;
}

std::vector<SessionSealing> SessionWriter::Seal(Wave* wave) {
  std::vector<SessionSealing> sealings;
  Wave sealed;
  for (const std::size_t member : *wave) {
    const bool writes = waves_[member].writes();
    absl::StatusOr<SessionSealing> sealing = SessionSealing();
    if (writes && layout_.packs_values) sealing = keys_.SealingFor(waves_[member].session_id);
    if (!sealing.ok()) {
      waves_.Answer(member, WithOutcome(sealing.status(), Outcome::kNotApplied));
      continue;
    }
    sealings.push_back(*std::move(sealing));
    sealed.push_back(member);
  }
  *wave = std::move(sealed);
  return sealings;
}

void SessionWriter::Send(Wave wave) {
  if (std::optional<Failure> failure = connection_->ReadClock(deadline_); failure.has_value()) {
    failure->sent = false;
    return Fail(wave, *failure);
  }
  std::vector<SessionSealing> sealings = Seal(&wave);
  if (wave.empty()) return;
  CommitParameters parameters(layout_.packs_values, bases_);
  std::size_t bytes = 0;
  std::size_t keys = 0;
  for (std::size_t i = 0; i < wave.size(); ++i) {
    const std::size_t member = wave[i];
    const Commit& commit = waves_[member];
    parameters.Add(commit, tried_[member], sealings[i]);
    tried_[member] = true;
    bytes += ByteSize(commit);
    keys += commit.sets.size() + commit.deletes.size();
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
      std::move(parameters).Encode(form, statement.not_after, LockTimeout(waves_.lock_patience(), cut)), cut,
      layout_.PlanningFor(keys));
  if (!execution.failure.has_value()) {
    const std::vector<CommitRow> rows = ToCommitRows(execution.rows);
    const bool late = rows.front().late;
    if (late && late_ < kMostDoublings) ++late_;
    // A clock that misled us is taken anew, also where the reading is not a close one.
    if (late) connection_->clock().Forget();
    connection_->clock().Read(asked, rows.front().micros, DatabaseClock::Steady::now());
    Understand(wave, rows);
    LearnKeys(wave, rows, std::move(sealings));
    needs_any_ = needs_any_ || (form != CommitForm::kAny && !late && waves_.Pending(wave));
    Keep(wave, rows, std::move(new_bases));
  } else if (InDoubt(*execution.failure)) {
    BeginDoubt(wave, *execution.failure, std::move(statement));
  } else {
    Fail(wave, *execution.failure);
  }
}

void SessionWriter::Keep(const Wave& wave, const std::vector<CommitRow>& rows,
                         std::vector<CommitParameters::NewBase> bases) {
  for (CommitParameters::NewBase& base : bases) {
    if (!rows[base.member].passed.has_value()) continue;
    bases_->Put(waves_[wave[base.member]].session_id, *base.name, std::move(base.base));
  }
}

void SessionWriter::Understand(const Wave& wave, const std::vector<CommitRow>& rows) {
  Wave replayed;
  for (std::size_t i = 0; i < wave.size(); ++i) {
    const CommitRow& row = rows[i];
    const Commit& commit = waves_[wave[i]];
    const absl::Status lease = CheckLease(commit, row);
    const bool numbered = !row.late && lease.ok() && commit.number != 0 && commit.number <= row.applied_number;
    if (row.passed.has_value()) {
      waves_.Answer(wave[i], Applied{*row.passed});
    } else if (row.recorded.has_value() || numbered) {
      replayed.push_back(wave[i]);
    } else if (row.late) {
      continue;
    } else if (!lease.ok()) {
      waves_.Answer(wave[i], lease);
    } else if (commit.number > row.applied_number + 1) {
      waves_.Answer(wave[i], NumberGap(commit.number, row.applied_number));
    } else if (commit.expected_revision.value_or(row.revision) != row.revision) {
      waves_.Answer(wave[i], RevisionMismatch(*commit.expected_revision, row.revision));
    } else if (commit.action == Commit::Action::kDeleteCreds && !row.has_creds) {
      waves_.Answer(wave[i], NoCreds(row.revision));
    } else if (commit.carried.has_value() && commit.carried->revision <= row.revision) {
      waves_.Answer(wave[i], RevisionPassed(commit.carried->revision, row.revision));
    } else if (commit.action == Commit::Action::kDeleteSession && !row.present && !commit.carried.has_value()) {
      waves_.Answer(wave[i], NoSession(row.revision));
    }
    // Else it lost a race, and stays without a result, like one that was too late.
  }
  if (!replayed.empty()) ConfirmReplays(replayed);
}

void SessionWriter::LearnKeys(const Wave& wave, const std::vector<CommitRow>& rows,
                              std::vector<SessionSealing> sealings) {
  for (std::size_t i = 0; i < wave.size(); ++i) {
    const Commit& commit = waves_[wave[i]];
    if (!rows[i].passed.has_value()) {
      keys_.Saw(commit.session_id, rows[i].present, FromHex(rows[i].data_key));
    } else if (commit.action == Commit::Action::kDeleteSession) {
      keys_.Forget(commit.session_id);
    } else if (sealings[i].made) {
      keys_.Learn(commit.session_id, std::move(sealings[i].wrapped));
    }
  }
}

// A commit that this statement only read may not be on the standby yet which the primary waits for. When it is looked
// up, that standby may be the primary, and not have it.
void SessionWriter::ConfirmReplays(const Wave& replayed) {
  Doubt doubt;
  doubt.members = replayed;
  doubt.failure.fault = Fault::kInDoubt;
  doubt.failure.sent = true;
  // When the replayed commit was sent is not known.
  doubt.statement.sent_after = std::numeric_limits<std::int64_t>::min();
  HoldForDoubt(std::move(doubt));
}

void SessionWriter::BeginDoubt(const Wave& wave, const Failure& failure, DoubtfulStatement statement) {
  Doubt doubt;
  for (const std::size_t member : wave) {
    if (waves_[member].id == 0) {
      waves_.Answer(member, ToCommitStatus(failure));
    } else {
      doubt.members.push_back(member);
    }
  }
  if (doubt.members.empty()) return;
  ++doubts_had_;
  doubt.failure = failure;
  doubt.statement = std::move(statement);
  HoldForDoubt(std::move(doubt));
}

void SessionWriter::HoldForDoubt(Doubt doubt) {
  for (const std::size_t member : doubt.members) {
    waves_.Hold(member);
    doubt.statement.commits.push_back(&waves_[member]);
  }
  doubts_.push_back(std::move(doubt));
}

std::optional<PutBack> SessionWriter::Resolve() {
  std::optional<PutBack> soonest;
  for (std::size_t left = doubts_.size(); left > 0; --left) {
    Doubt doubt = std::move(doubts_.front());
    doubts_.pop_front();
    Resolution resolution;
    if (absl::Now() < deadline_) {
      resolution = ResolveCommits(*connection_, layout_, doubt.statement, waves_.lock_patience(), deadline_);
    }
    if (resolution.locked()) waves_.MetLock();
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
    const std::size_t member = doubt.members[i];
    waves_.LetGo(member);
    if (verdicts[i].fate != Fate::kUnknown) connection_->CountResolved();
    if (verdicts[i].fate == Fate::kUnknown) {
      waves_.Answer(member, ToCommitStatus(doubt.failure));
    } else if (verdicts[i].fate == Fate::kApplied) {
      waves_.Answer(member, Applied{verdicts[i].revision});
    } else if (doubts_had_ >= kMaxDoubts) {
      waves_.Answer(member, WithOutcome(ToStatus(doubt.failure), Outcome::kNotApplied));
    }
  }
}

void SessionWriter::Fail(const Wave& wave, const Failure& failure) {
  if (LockedOut(failure)) return waves_.GiveWay(wave);
  const bool again = failure.fault == Fault::kAgain;
  if (again && deadline_ - absl::Now() >= kLeastRepetition) return;
  if (failure.fault == Fault::kStandby && ++standby_answers_ < kMaxStandbyAnswers) return;
  if (MayBeOneMembersFault(failure.sqlstate) && wave.size() > 1) {
    for (const std::size_t member : wave) {
      if (waves_.Pending(member)) Send({member});
    }
    return;
  }
  if (again || failure.overran) return waves_.AnswerPending(DeadlinePassedInQueue());
  const absl::Status why = layout_.refuses != nullptr && layout_.refuses(failure.sqlstate)
                               ? Error(absl::StatusCode::kInvalidArgument, kNotInLayout,
                                       absl::StrCat("a value is one that the ", layout_.name,
                                                    " layout cannot hold (SQLSTATE ", failure.sqlstate, ")"))
                               : ToStatus(failure);
  const absl::Status status = WithOutcome(why, Outcome::kNotApplied);
  for (const std::size_t member : wave) waves_.Answer(member, status);
  if (ConnectionIsGone(failure)) waves_.AnswerPending(status);
}

}  // namespace authstate::storage

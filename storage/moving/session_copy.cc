#include "storage/moving/session_copy.h"

#include <algorithm>
#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/moving/lease_side.h"
#include "storage/moving/session_content.h"

namespace authstate::storage {
namespace {

using State = CopyResult::State;

// A lease that has ended, so that whoever serves the target by force is not kept out.
constexpr absl::Duration kEnded = -absl::Seconds(1);
// How often a session is read again in one copy, as what stood in the way was cleared away.
constexpr int kMostAttempts = 4;

absl::StatusOr<LeaseResult> Ask(Backend& backend, LeaseRequest request, absl::Time deadline) {
  auto results = AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
      [&](auto done) { backend.Leases({std::move(request)}, deadline, std::move(done)); });
  return std::move(results.front());
}

absl::StatusOr<Applied> Apply(Backend& backend, Commit commit, absl::Time deadline) {
  auto results = AwaitCall<std::vector<absl::StatusOr<Applied>>>(
      [&](auto done) { backend.Apply({std::move(commit)}, deadline, std::move(done)); });
  return std::move(results.front());
}

bool SameRecent(const RecentCommits& a, const RecentCommits& b) {
  return std::equal(a.entries().begin(), a.entries().end(), b.entries().begin(), b.entries().end(),
                    [](const auto& x, const auto& y) { return x.id == y.id && x.revision == y.revision; });
}

bool IsMarked(const Lease& lease) { return lease.owner == kCopyOwner; }

// The errors of a database rather than of a session.
bool EndsAll(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsCancelled(status) ||
         absl::IsResourceExhausted(status);
}

class Copy {
 public:
  Copy(Backend& source, Backend& target, const std::string& session_id, const CopyOptions& options, absl::Time deadline)
      : source_(source), target_(target), session_id_(session_id), options_(options), deadline_(deadline) {}

  absl::StatusOr<CopyResult> Run() {
    for (int attempt = 1;; ++attempt) {
      if (absl::Status read = ReadBoth(); !read.ok()) return read;
      const bool again = attempt < kMostAttempts;
      absl::StatusOr<std::optional<CopyResult>> result = Settle(again);
      if (!result.ok()) return result.status();
      if (result->has_value()) {
        (*result)->bytes_read = bytes_read_;
        return **std::move(result);
      }
    }
  }

 private:
  using Settled = absl::StatusOr<std::optional<CopyResult>>;

  absl::Status ReadBoth() {
    auto reading = std::async(std::launch::async, [&]() -> absl::Status {
      absl::StatusOr<SessionState> state = ReadState(target_, session_id_, deadline_);
      if (!state.ok()) return state.status();
      to_ = *std::move(state);
      absl::StatusOr<ContentDigests> digests = DigestContent(to_, deadline_);
      if (!digests.ok()) return digests.status();
      digests_ = *std::move(digests);
      return absl::OkStatus();
    });
    absl::StatusOr<SessionState> state = ReadState(source_, session_id_, deadline_);
    const absl::Status of_target = reading.get();
    if (!state.ok()) return state.status();
    if (!of_target.ok()) return of_target;
    from_ = *std::move(state);
    absl::StatusOr<ContentChange> change = ChangeInto(from_, to_.exists(), std::move(digests_), deadline_);
    if (!change.ok()) return change.status();
    change_ = *std::move(change);
    bytes_read_ += change_.bytes_read;
    revision_ = from_.revision();
    recent_ = from_.recent();
    same_history_ = revision_ == to_.revision() && SameRecent(recent_, to_.recent());
    existed_ = to_.exists();
    exists_ = from_.exists();
    // Nobody else has to wait for these.
    from_.snapshot.reset();
    to_.snapshot.reset();
    return absl::OkStatus();
  }

  const Lease& lease() const { return from_.row.lease; }
  const Lease& target_lease() const { return to_.row.lease; }
  bool SameFence() const { return lease().fence == target_lease().fence && lease().owner == target_lease().owner; }

  // nullopt: it is to be read again, which happens only while `again` says so.
  Settled Settle(bool again) {
    if (!change_.differs && same_history_ && SameFence() && from_.row.applied_number == to_.row.applied_number) {
      return RenewIfNeeded();
    }
    const std::string newer = WhyNewer();
    if (newer.empty()) return options_.writes ? Write(again) : Behind(WhatDiffers());
    if (!options_.writes) return WrittenByOthersHere() ? Behind(WhatDiffers()) : Refused(newer);
    // Not of a session that is at home elsewhere: that gives the next revision itself.
    if (again && WrittenByOthersHere() && !lease().at_home()) {
      absl::StatusOr<bool> moved = MoveOnForOthers();
      if (!moved.ok()) return moved.status();
      if (*moved) return std::nullopt;
    }
    if (!again || !options_.overwrites) return Refused(newer);
    if (lease().at_home()) {
      return Refused(absl::StrCat(newer, "; and here it is at home in a file of write-behind"));
    }
    absl::Status raised = RaiseSource();
    if (!raised.ok()) return ByItself(raised);
    return std::nullopt;
  }

  // All else is the same.
  Settled RenewIfNeeded() {
    const LeaseSide source{lease(), from_.asked, from_.answered};
    if (!options_.writes || !target_lease().held()) return CopyResult{};
    if (!NeedsRenewal(source, {target_lease(), to_.asked, to_.answered})) return CopyResult{};
    const absl::Status renewed = Ask(target_, Renewal(session_id_, source), deadline_).status();
    return renewed.ok() ? CopyResult{} : ByItself(renewed);
  }

  // Why the target is not an earlier state of the source; empty: it may be one.
  std::string WhyNewer() const {
    const LeaseResult& there = to_.row;
    if (!to_.of_one_moment) return "is being written on the target";
    if (revision_ == 0 && lease().fence == 0 && !exists_ && (existed_ || there.revision > 0)) {
      return "is on the target only";
    }
    if (there.revision > revision_) {
      return absl::StrCat("is newer on the target: at revision ", there.revision, ", and at ", revision_, " here");
    }
    if (there.revision == 0 && existed_ && change_.differs && !options_.overwrites)
      return std::string(kWrittenByOthers);
    if (there.revision == revision_ && (change_.differs || !same_history_)) {
      return absl::StrCat("has another history on the target, at the same revision ", revision_,
                          change_.what.empty() ? "" : ": ", change_.what);
    }
    if (FenceIsNewer()) {
      return absl::StrCat("had other owners on the target: it is at fence ", there.lease.fence, ", and at ",
                          lease().fence, " here");
    }
    return "";
  }

  bool FenceIsNewer() const {
    if (IsMarked(target_lease())) return false;
    return target_lease().fence > lease().fence ||
           (target_lease().fence == lease().fence && target_lease().owner != lease().owner);
  }

  std::string WhatDiffers() const {
    std::vector<std::string> parts;
    if (!change_.what.empty()) parts.push_back(change_.what);
    if (revision_ != to_.row.revision) {
      parts.push_back(absl::StrCat("is at revision ", revision_, ", and at ", to_.row.revision, " on the target"));
    }
    if (!SameFence() && IsMarked(target_lease())) {
      parts.emplace_back("was copied in part");
    } else if (!SameFence()) {
      parts.push_back(absl::StrCat("is at fence ", lease().fence, ", and at ", target_lease().fence, " on the target"));
    }
    std::string what;
    for (const std::string& part : parts) absl::StrAppend(&what, what.empty() ? "" : "; ", part);
    return what.empty() ? "has another number of the last commit" : what;
  }

  // Whether the difference may be one that other programs have made in the old tables of the source.
  bool WrittenByOthersHere() const {
    return source_.Describe().layout == "legacy" && to_.of_one_moment && to_.row.revision == revision_ &&
           (revision_ > 0 || exists_);
  }

  // Lets the source find what others have written, which moves its revision on; tells whether it has. The commit could
  // never be applied, as it carries a revision that the session is past.
  absl::StatusOr<bool> MoveOnForOthers() {
    Commit commit;
    commit.session_id = session_id_;
    commit.expected_revision = revision_;
    commit.fence = lease().held() ? lease().fence : 0;
    commit.carried.emplace();
    const absl::Status refused = Apply(source_, std::move(commit), deadline_).status();
    if (EndsAll(refused)) return refused;
    return RevisionOf(refused).value_or(revision_) > revision_;
  }

  // Lets what the source gives from now on be greater than what the target has given.
  absl::Status RaiseSource() {
    if (to_.row.revision > revision_ || (to_.row.revision == revision_ && (change_.differs || !same_history_))) {
      Commit commit;
      commit.session_id = session_id_;
      commit.action = exists_ ? Commit::Action::kWrite : Commit::Action::kDeleteSession;
      commit.expected_revision = revision_;
      commit.fence = lease().held() ? lease().fence : 0;
      commit.carried = Commit::Carried{to_.row.revision + 1, recent_};
      if (absl::Status raised = Apply(source_, std::move(commit), deadline_).status(); !raised.ok()) return raised;
    }
    if (!FenceIsNewer()) return absl::OkStatus();
    LeaseRequest pass;
    pass.session_id = session_id_;
    pass.action = LeaseRequest::Action::kPass;
    pass.fence = lease().fence;
    pass.next_fence = target_lease().fence + 1;
    if (lease().held()) {
      pass.owner = lease().owner;
      pass.ttl = LeftOf({lease(), from_.asked, from_.answered});
    } else {
      const absl::StatusOr<LeaseResult> taken = Take(source_, lease(), target_lease().fence + 1);
      if (!taken.ok()) return taken.status();
      pass.fence = taken->lease.fence;
      pass.next_fence = taken->lease.fence + 1;
    }
    return Ask(source_, std::move(pass), deadline_).status();
  }

  // Gives a lease that is nobody's to the copy, under `fence`.
  absl::StatusOr<LeaseResult> Take(Backend& backend, const Lease& free, std::uint64_t fence) {
    LeaseRequest acquire;
    acquire.session_id = session_id_;
    acquire.action = LeaseRequest::Action::kAcquire;
    acquire.owner = std::string(kCopyOwner);
    acquire.ttl = kEnded;
    acquire.fence_step = fence - free.fence;
    absl::StatusOr<LeaseResult> taken = Ask(backend, std::move(acquire), deadline_);
    if (taken.ok() && taken->lease.fence != fence) return StaleFence(taken->lease);
    return taken;
  }

  Settled Write(bool again) {
    const bool commits = change_.differs || !same_history_;
    // Where there is nothing to commit, the lease goes back in one step.
    if (!commits && from_.of_one_moment && target_lease().held()) {
      return Copied(PassTo(target_lease().fence, to_.row.applied_number));
    }
    change_.commit.session_id = session_id_;
    if (absl::Status holds = target_.CheckHolds(change_.commit); !holds.ok()) return ByItself(holds);
    std::uint64_t mark = target_lease().fence;
    if (!IsMarked(target_lease())) {
      mark = std::max(lease().fence, target_lease().fence) + kFencesOfAHome;
      if (absl::Status marked = Mark(mark); !marked.ok()) return ByItself(marked);
    }
    if (commits) {
      absl::Status written = WriteContent(mark);
      if (!written.ok()) return NotWritten(written, mark, again);
    }
    // Else the next copy goes on from here.
    if (!from_.of_one_moment) return Behind("is being written");
    return Copied(PassTo(mark, std::nullopt));
  }

  absl::Status Mark(std::uint64_t fence) {
    if (!target_lease().held()) return Take(target_, target_lease(), fence).status();
    LeaseRequest pass;
    pass.session_id = session_id_;
    pass.action = LeaseRequest::Action::kPass;
    pass.fence = target_lease().fence;
    pass.owner = std::string(kCopyOwner);
    pass.ttl = kEnded;
    pass.next_fence = fence;
    pass.expected_number = to_.row.applied_number;
    return Ask(target_, std::move(pass), deadline_).status();
  }

  absl::Status WriteContent(std::uint64_t fence) {
    Commit commit = std::move(change_.commit);
    commit.expected_revision = to_.row.revision;
    commit.fence = fence;
    commit.carried = Commit::Carried{revision_, recent_};
    return Apply(target_, std::move(commit), deadline_).status();
  }

  // Lets the target's lease under `fence` become what it is in the source.
  absl::Status PassTo(std::uint64_t fence, std::optional<std::uint64_t> expected_number) {
    LeaseRequest pass;
    pass.session_id = session_id_;
    pass.action = LeaseRequest::Action::kPass;
    pass.fence = fence;
    pass.owner = lease().owner;
    pass.next_fence = lease().fence;
    pass.applied_number = from_.row.applied_number;
    pass.expected_number = expected_number;
    if (lease().held()) pass.ttl = LeftOf({lease(), from_.asked, from_.answered});
    return Ask(target_, std::move(pass), deadline_).status();
  }

  // The lease is given back as it was, where it is certain that nothing was written under it.
  Settled NotWritten(const absl::Status& why, std::uint64_t mark, bool again) {
    if (OutcomeOf(why) == Outcome::kNotApplied && !IsMarked(target_lease())) {
      LeaseRequest pass;
      pass.session_id = session_id_;
      pass.action = LeaseRequest::Action::kPass;
      pass.fence = mark;
      pass.owner = target_lease().owner;
      pass.next_fence = target_lease().fence;
      pass.applied_number = to_.row.applied_number;
      if (target_lease().held()) pass.ttl = LeftOf({target_lease(), to_.asked, to_.answered});
      (void)Ask(target_, std::move(pass), deadline_);
    }
    if (ReasonOf(why) == kRevisionMismatch && RevisionOf(why).value_or(0) > to_.row.revision) {
      if (options_.overwrites && again) return std::nullopt;
      return CopyResult{State::kRefused, std::string(kWrittenByOthers), 0, /*written_by_others=*/true};
    }
    return ByItself(why);
  }

  static Settled Copied(const absl::Status& passed) {
    if (!passed.ok()) return ByItself(passed);
    return CopyResult{State::kCopied, "", 0};
  }
  static Settled Behind(std::string what) { return CopyResult{State::kBehind, std::move(what), 0}; }
  static Settled Refused(std::string what) { return CopyResult{State::kRefused, std::move(what), 0}; }

  // A failure of this session; the rest can go on.
  static Settled ByItself(const absl::Status& status) {
    if (EndsAll(status)) return status;
    const bool moved = absl::IsAborted(status) || absl::IsFailedPrecondition(status);
    const std::string what = absl::StrCat(moved ? "changed meanwhile: " : "cannot be copied: ", status.message());
    return moved ? Behind(what) : Refused(what);
  }

  Backend& source_;
  Backend& target_;
  const std::string& session_id_;
  const CopyOptions& options_;
  const absl::Time deadline_;
  SessionState from_;
  SessionState to_;
  ContentDigests digests_;
  ContentChange change_;
  std::size_t bytes_read_ = 0;
  std::uint64_t revision_ = 0;
  RecentCommits recent_;
  bool same_history_ = false;
  bool exists_ = false;
  bool existed_ = false;
};

}  // namespace

absl::StatusOr<CopyResult> CopySession(Backend& source, Backend& target, const std::string& session_id,
                                       const CopyOptions& options, absl::Time deadline) {
  absl::StatusOr<CopyResult> result = Copy(source, target, session_id, options, deadline).Run();
  if (result.ok() || EndsAll(result.status())) return result;
  return CopyResult{State::kRefused, absl::StrCat("cannot be copied: ", result.status().message()), 0};
}

}  // namespace authstate::storage

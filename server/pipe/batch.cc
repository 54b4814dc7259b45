#include "server/pipe/batch.h"

#include <utility>

#include "server/handlers/commit_id.h"
#include "storage/batches/batch_room.h"

namespace authstate::server::pipe {
namespace {

// Whether a channel's operations of this kind may be in one batch together. Those that change what the channel is have
// to be answered first.
bool MayFollow(Kind kind) { return kind == Kind::kCommits || kind == Kind::kReads; }

std::size_t MostOf(Kind kind, const Limits& limits) {
  switch (kind) {
    case Kind::kCommits:
      return limits.batches.commits;
    case Kind::kReads:
      return limits.batches.reads;
    case Kind::kLeases:
      return limits.batches.leases;
    case Kind::kLargeReads:
    case Kind::kLockedCommits:
    case Kind::kLockedLeases:
      break;
  }
  return 1;
}

storage::LeaseRequest LeaseOf(const Channel& channel, const Operation& operation) {
  if (const auto* const attach = std::get_if<Attach>(&operation.work)) return attach->request;
  if (const auto* const renew = std::get_if<Renew>(&operation.work)) return renew->request;
  storage::LeaseRequest release;
  release.action = storage::LeaseRequest::Action::kRelease;
  release.session_id = channel.session_id;
  release.fence = channel.fence;
  return release;
}

}  // namespace

Kind KindOf(const Operation& operation) {
  if (std::holds_alternative<Commit>(operation.work)) return operation.alone ? Kind::kLockedCommits : Kind::kCommits;
  if (std::holds_alternative<Get>(operation.work)) return operation.alone ? Kind::kLargeReads : Kind::kReads;
  return operation.alone ? Kind::kLockedLeases : Kind::kLeases;
}

Batch TakeBatch(Kind kind, const Limits& limits, std::deque<Channel*>* ready) {
  Batch batch;
  batch.kind = kind;
  storage::BatchRoom room(MostOf(kind, limits), limits.batches.bytes);
  while (!ready->empty()) {
    Channel* const channel = ready->front();
    Batch::Member member{channel, {}};
    Operations& waiting = channel->waiting;
    while (!waiting.empty() && KindOf(waiting.front()) == kind && (member.operations.empty() || MayFollow(kind))) {
      Operation& next = waiting.front();
      if (!room.Take(1, next.bytes)) break;
      Address(*channel, &next);
      ++batch.operations;
      member.operations.splice(member.operations.end(), waiting, waiting.begin());
    }
    if (member.operations.empty()) break;
    batch.members.push_back(std::move(member));
    ready->pop_front();
  }
  return batch;
}

// A commit that is too large to be kept twice waits in its call, which it has to itself.
bool WaitsForLock(const Batch& batch, const Limits& limits) {
  if (batch.kind != Kind::kCommits) return batch.kind == Kind::kLockedCommits || batch.kind == Kind::kLockedLeases;
  return batch.members.front().operations.front().bytes > limits.batches.bytes;
}

std::vector<storage::Commit> CommitsOf(Batch* batch, const Limits& limits) {
  std::vector<storage::Commit> commits;
  commits.reserve(batch->operations);
  const bool waits = WaitsForLock(*batch, limits);
  for (Batch::Member& member : batch->members) {
    for (Operation& operation : member.operations) {
      storage::Commit& commit = std::get<Commit>(operation.work).commit;
      if (commit.id == 0) commit.id = NewCommitId();
      commit.wait_for_lock = waits;
      if (waits) {
        commits.push_back(std::move(commit));
      } else {
        commits.push_back(commit);
      }
    }
  }
  return commits;
}

std::vector<storage::ReadRequest> ReadsOf(const Batch& batch, const Limits& limits) {
  std::vector<storage::ReadRequest> reads;
  reads.reserve(batch.operations);
  for (const Batch::Member& member : batch.members) {
    for (const Operation& operation : member.operations) {
      reads.push_back(std::get<Get>(operation.work).request);
      if (batch.kind == Kind::kReads) reads.back().max_bytes = limits.read_bytes / batch.operations;
    }
  }
  return reads;
}

std::vector<storage::LeaseRequest> LeasesOf(const Batch& batch) {
  std::vector<storage::LeaseRequest> requests;
  requests.reserve(batch.operations);
  for (const Batch::Member& member : batch.members) {
    requests.push_back(LeaseOf(*member.channel, member.operations.front()));
    requests.back().wait_for_lock = batch.kind == Kind::kLockedLeases;
  }
  return requests;
}

}  // namespace authstate::server::pipe

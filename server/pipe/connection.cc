#include "server/pipe/connection.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "storage/error.h"

namespace authstate::server::pipe {
namespace {

bool IsTooLargeForItsShare(Kind kind, const absl::Status& status) {
  return kind == Kind::kReads && storage::ReasonOf(status) == storage::kResponseTooLarge;
}

}  // namespace

std::shared_ptr<Connection> Connection::Create(storage::Backend* backend, std::shared_ptr<Budget> budget,
                                               Options options, std::function<void()> on_change) {
  return std::shared_ptr<Connection>(
      new Connection(backend, std::move(budget), std::move(options), std::move(on_change)));
}

Connection::Connection(storage::Backend* backend, std::shared_ptr<Budget> budget, Options options,
                       std::function<void()> on_change)
    : backend_(backend),
      budget_(std::move(budget)),
      options_(std::move(options)),
      on_change_(std::move(on_change)),
      channels_(options_.limits.channels, options_.stealing, options_.permit),
      failure_log_(options_.request_id) {}

Connection::~Connection() {
  budget_->Remove(budgeted_bytes_);
  budget_->AddChannels(-static_cast<std::int64_t>(told_channels_));
}

absl::Status Connection::Take(v1::PipeRequest&& request) {
  absl::StatusOr<Operations> operations = TakeOperations(std::move(request), absl::Now() + options_.deadline);
  if (!operations.ok()) return operations.status();
  {
    const absl::MutexLock lock(&mutex_);
    if (closed_) return absl::OkStatus();
    counts_.operations += operations->size();
    unanswered_ += operations->size();
    std::vector<Channel*> touched;
    while (!operations->empty()) {
      bytes_ += operations->front().bytes;
      Channel* const channel = channels_.Enqueue(&*operations);
      if (!channel->busy && channel->waiting.size() == 1) touched.push_back(channel);
    }
    for (Channel* const channel : touched) Advance(channel);
  }
  Drive();
  return absl::OkStatus();
}

bool Connection::MayRead() {
  {
    const absl::MutexLock lock(&mutex_);
    if (bytes_ >= options_.limits.stream_bytes || unanswered_ >= options_.limits.stream_operations) return false;
    if (bytes_ < options_.limits.fair_bytes) return true;
    if (std::exchange(waits_for_budget_, true)) return false;
  }
  const auto stop_waiting = [](Connection* connection) {
    const absl::MutexLock lock(&connection->mutex_);
    connection->waits_for_budget_ = false;
    return !connection->closed_;
  };
  const bool has_room = budget_->HasRoom([weak = weak_from_this(), stop_waiting] {
    const std::shared_ptr<Connection> self = weak.lock();
    if (self != nullptr && stop_waiting(self.get())) self->on_change_();
  });
  if (has_room) stop_waiting(this);
  return has_room;
}

bool Connection::HasAnswers() const {
  const absl::MutexLock lock(&mutex_);
  return !answers_.empty();
}

void Connection::NextFrame(v1::PipeResponse* frame) {
  const absl::MutexLock lock(&mutex_);
  answers_.Next(options_.limits.frame_bytes, frame);
}

void Connection::FrameWritten() {
  {
    const absl::MutexLock lock(&mutex_);
    const AnswerQueue::Size written = answers_.Written();
    bytes_ -= written.bytes;
    unanswered_ -= written.answers;
  }
  Drive();
}

bool Connection::Idle() const {
  const absl::MutexLock lock(&mutex_);
  return unanswered_ == 0;
}

void Connection::Close() {
  {
    const absl::MutexLock lock(&mutex_);
    if (std::exchange(closed_, true)) return;
    bytes_ -= channels_.DropWaiting() + answers_.bytes();
    answers_.Clear();
    for (Lane& lane : lanes_) lane.ready.clear();
  }
  Drive();
}

void Connection::AskForPermission() {
  {
    const absl::MutexLock lock(&mutex_);
    std::vector<Channel*> ready;
    for (Lane& lane : lanes_) {
      ready.insert(ready.end(), lane.ready.begin(), lane.ready.end());
      lane.ready.clear();
    }
    for (Channel* const channel : ready) {
      // The place that Begin has given it, and gives it again if it may.
      if (std::holds_alternative<Attach>(channel->waiting.front().work)) channels_.SetDetached(channel);
      channel->busy = false;
      Advance(channel);
    }
  }
  Drive();
}

Connection::Counts Connection::counts() const {
  const absl::MutexLock lock(&mutex_);
  return counts_;
}

void Connection::Drive() {
  mutex_.Lock();
  if (std::exchange(driving_, true)) {
    drive_again_ = true;
    mutex_.Unlock();
    return;
  }
  do {
    drive_again_ = false;
    std::vector<Batch> batches = TakeBatches();
    std::vector<FailedOperation> failures;
    failures.swap(unlogged_);
    const std::size_t held_before = std::exchange(budgeted_bytes_, bytes_);
    const std::size_t held_now = bytes_;
    const std::size_t channels_before = std::exchange(told_channels_, channels_.attached());
    const std::size_t channels_now = told_channels_;
    const bool tell = !closed_;
    mutex_.Unlock();

    if (held_now > held_before) budget_->Add(held_now - held_before);
    if (held_now < held_before) budget_->Remove(held_before - held_now);
    if (channels_now != channels_before) {
      budget_->AddChannels(static_cast<std::int64_t>(channels_now) - static_cast<std::int64_t>(channels_before));
    }
    for (const FailedOperation& failure : failures) failure_log_.Add(failure, absl::Now());
    for (Batch& batch : batches) Send(std::move(batch));
    if (tell) on_change_();
    mutex_.Lock();
  } while (drive_again_);
  driving_ = false;
  mutex_.Unlock();
}

bool Connection::MayCall(Kind kind) const {
  const Lane& lane = lanes_[static_cast<std::size_t>(kind)];
  if (lane.ready.empty()) return false;
  const bool reads = kind == Kind::kReads || kind == Kind::kLargeReads;
  if (reads && answers_.bytes() >= options_.limits.waiting_answer_bytes) return false;
  switch (kind) {
    case Kind::kCommits:
    case Kind::kReads:
    case Kind::kLeases:
      return lane.under_way < options_.limits.batches.calls;
    case Kind::kLargeReads:
      return lane.under_way < 1;
    case Kind::kLockedCommits:
    case Kind::kLockedLeases:
      // The backend lets them wait without a connection of the database.
      break;
  }
  return true;
}

std::vector<Batch> Connection::TakeBatches() {
  std::vector<Batch> batches;
  for (const Kind kind :
       {Kind::kLeases, Kind::kCommits, Kind::kReads, Kind::kLargeReads, Kind::kLockedCommits, Kind::kLockedLeases}) {
    while (MayCall(kind)) {
      batches.push_back(TakeBatch(kind, options_.limits, &LaneOf(kind).ready));
      ++LaneOf(kind).under_way;
    }
  }
  return batches;
}

void Connection::Send(Batch batch) {
  const absl::Time deadline = absl::Now() + options_.deadline;
  const std::shared_ptr<Connection> self = shared_from_this();
  switch (batch.kind) {
    case Kind::kCommits:
    case Kind::kLockedCommits: {
      std::vector<storage::Commit> commits = CommitsOf(&batch, options_.limits);
      backend_->Apply(std::move(commits), deadline, [self, batch = std::move(batch)](const auto& results) mutable {
        self->OnCommits(std::move(batch), results);
      });
      return;
    }
    case Kind::kReads:
    case Kind::kLargeReads: {
      std::vector<storage::ReadRequest> reads = ReadsOf(batch, options_.limits);
      backend_->Read(std::move(reads), deadline, [self, batch = std::move(batch)](auto results) mutable {
        self->OnReads(std::move(batch), std::move(results));
      });
      return;
    }
    case Kind::kLeases:
    case Kind::kLockedLeases: {
      std::vector<storage::LeaseRequest> requests = LeasesOf(batch);
      backend_->Leases(std::move(requests), deadline, [self, batch = std::move(batch)](const auto& results) mutable {
        self->OnLeases(std::move(batch), results);
      });
      return;
    }
  }
}

void Connection::OnCommits(Batch batch, const std::vector<absl::StatusOr<storage::Applied>>& results) {
  {
    const absl::MutexLock lock(&mutex_);
    const bool goes_again = !WaitsForLock(batch, options_.limits);
    auto result = results.begin();
    for (Batch::Member& member : batch.members) {
      while (!member.operations.empty() && !(goes_again && storage::IsSessionLocked(result->status()))) {
        const Operation& operation = member.operations.front();
        if (result->ok()) {
          Answer(operation, member.channel->session_id, Committed(operation, **result));
        } else {
          AnswerFailure(operation, member.channel->session_id, result->status());
        }
        member.operations.pop_front();
        ++result;
      }
      for (Operation& operation : member.operations) {
        operation.alone = true;
        ++result;
      }
      GoAgain(&member);
    }
    Finish(batch);
  }
  Drive();
}

void Connection::OnReads(Batch batch, std::vector<absl::StatusOr<storage::ReadResult>> results) {
  {
    const absl::MutexLock lock(&mutex_);
    auto result = results.begin();
    for (Batch::Member& member : batch.members) {
      while (!member.operations.empty() && !IsTooLargeForItsShare(batch.kind, result->status())) {
        Operation& operation = member.operations.front();
        if (result->ok()) {
          std::vector<storage::KeyName> names = std::move(std::get<Get>(operation.work).request.keys);
          Answer(operation, member.channel->session_id, Got(operation, std::move(names), *std::move(*result)));
        } else {
          AnswerFailure(operation, member.channel->session_id, result->status());
        }
        member.operations.pop_front();
        ++result;
      }
      for (Operation& operation : member.operations) {
        operation.alone = IsTooLargeForItsShare(batch.kind, (result++)->status());
      }
      GoAgain(&member);
    }
    Finish(batch);
  }
  Drive();
}

void Connection::OnLeases(Batch batch, const std::vector<absl::StatusOr<storage::LeaseResult>>& results) {
  {
    const absl::MutexLock lock(&mutex_);
    for (std::size_t i = 0; i < results.size(); ++i) {
      Channel* const channel = batch.members[i].channel;
      Operation& operation = batch.members[i].operations.front();
      const absl::StatusOr<storage::LeaseResult>& result = results[i];
      const auto* const attach = std::get_if<Attach>(&operation.work);
      if (batch.kind == Kind::kLeases && storage::IsSessionLocked(result.status())) {
        operation.alone = true;
        // The place that Begin has given it, and will give it again.
        if (attach != nullptr) channels_.SetDetached(channel);
        GoAgain(&batch.members[i]);
      } else if (!result.ok()) {
        AnswerFailure(operation, attach != nullptr ? attach->request.session_id : channel->session_id, result.status());
        if (!std::holds_alternative<Renew>(operation.work)) channels_.SetDetached(channel);
      } else if (attach != nullptr) {
        channel->session_id = attach->request.session_id;
        channel->fence = result->lease.fence;
        Answer(operation, channel->session_id, Attached(operation, *result));
      } else if (std::holds_alternative<Detach>(operation.work)) {
        Answer(operation, channel->session_id, Detached(operation));
        channels_.SetDetached(channel);
      } else {
        Answer(operation, channel->session_id, Renewed(operation, *result));
      }
    }
    Finish(batch);
  }
  Drive();
}

void Connection::GoAgain(Batch::Member* member) {
  if (closed_) {
    for (const Operation& operation : member->operations) bytes_ -= operation.bytes;
    member->operations.clear();
    return;
  }
  member->channel->waiting.splice(member->channel->waiting.begin(), member->operations);
}

void Connection::Answer(const Operation& operation, const std::string& session_id, v1::PipeResult result) {
  End(operation, session_id, absl::OkStatus(), std::move(result));
}

void Connection::AnswerFailure(const Operation& operation, const std::string& session_id, const absl::Status& status) {
  ++counts_.failures;
  unlogged_.push_back({MethodOf(operation).name, session_id, status});
  End(operation, session_id, status, Failed(operation, status, options_.request_id));
}

void Connection::End(const Operation& operation, const std::string& session_id, const absl::Status& outcome,
                     v1::PipeResult result) {
  if (options_.record != nullptr) options_.record(operation, session_id, outcome);
  bytes_ -= operation.bytes;
  if (closed_) return;
  bytes_ += answers_.Add(std::move(result));
}

void Connection::Finish(const Batch& batch) {
  --LaneOf(batch.kind).under_way;
  if (closed_) return;
  for (const Batch::Member& member : batch.members) {
    member.channel->busy = false;
    Advance(member.channel);
  }
}

void Connection::Advance(Channel* channel) {
  const absl::Time now = absl::Now();
  while (!channel->waiting.empty()) {
    const Operation& next = channel->waiting.front();
    // Begin frees the channel where the operation is a detach.
    const auto* const attach = std::get_if<Attach>(&next.work);
    const std::string session_id = attach != nullptr ? attach->request.session_id : channel->session_id;
    const std::optional<absl::Status> outcome = channels_.Begin(channel, next, now);
    if (!outcome.has_value()) {
      channel->busy = true;
      LaneOf(KindOf(next)).ready.push_back(channel);
      return;
    }
    if (outcome->ok()) {
      Answer(next, session_id, Detached(next));
    } else {
      AnswerFailure(next, session_id, *outcome);
    }
    channel->waiting.pop_front();
  }
  channels_.Tidy(channel);
}

}  // namespace authstate::server::pipe

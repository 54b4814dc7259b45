#include "server/pipe/answer.h"

#include <optional>
#include <utility>

#include "contract/limits.h"
#include "server/handlers/state_messages.h"
#include "server/rpc/status_translation.h"

namespace authstate::server::pipe {
namespace {

// What an answer takes up beside the bytes on the wire.
constexpr std::size_t kAnswerOverhead = 256;

v1::PipeResult AnswerTo(const Operation& operation) {
  v1::PipeResult result;
  result.set_tag(operation.tag);
  return result;
}

}  // namespace

v1::PipeResult Attached(const Operation& operation, const storage::LeaseResult& result) {
  v1::PipeResult answer = AnswerTo(operation);
  ToProto(result.lease, answer.mutable_attached()->mutable_lease());
  answer.mutable_attached()->set_revision(result.revision);
  answer.mutable_attached()->set_applied_number(result.applied_number);
  return answer;
}

v1::PipeResult Detached(const Operation& operation) {
  v1::PipeResult answer = AnswerTo(operation);
  answer.mutable_detached();
  return answer;
}

v1::PipeResult Got(const Operation& operation, std::vector<storage::KeyName> names, storage::ReadResult result) {
  v1::PipeResult answer = AnswerTo(operation);
  v1::PipeGot& got = *answer.mutable_got();
  got.set_revision(result.revision);
  if (result.creds.has_value()) MoveToProto(*std::move(result.creds), got.mutable_creds());
  MoveToProto(std::move(names), std::move(result.values), got.mutable_found(), got.mutable_absent());
  return answer;
}

v1::PipeResult Committed(const Operation& operation, const storage::Applied& applied) {
  v1::PipeResult answer = AnswerTo(operation);
  answer.mutable_committed()->set_revision(applied.revision);
  return answer;
}

v1::PipeResult Renewed(const Operation& operation, const storage::LeaseResult& result) {
  v1::PipeResult answer = AnswerTo(operation);
  ToProto(result.lease, answer.mutable_renewed()->mutable_lease());
  return answer;
}

v1::PipeResult Failed(const Operation& operation, const absl::Status& status, absl::string_view request_id) {
  v1::PipeResult answer = AnswerTo(operation);
  *answer.mutable_error() = ToRpcStatus(status, request_id, MethodOf(operation).mutation);
  return answer;
}

std::size_t AnswerQueue::Add(v1::PipeResult result) {
  const std::size_t bytes = result.ByteSizeLong() + kAnswerOverhead;
  waiting_.push_back({std::move(result), bytes});
  bytes_ += bytes;
  return bytes;
}

void AnswerQueue::Next(std::size_t max_bytes, v1::PipeResponse* frame) {
  while (!waiting_.empty() && writing_.answers < kMaxCommitOperations) {
    Waiting& next = waiting_.front();
    if (writing_.answers > 0 && writing_.bytes + next.bytes > max_bytes) return;
    writing_.bytes += next.bytes;
    ++writing_.answers;
    *frame->add_results() = std::move(next.result);
    waiting_.pop_front();
  }
}

void AnswerQueue::Clear() {
  waiting_.clear();
  writing_.bytes = 0;
  bytes_ = 0;
}

AnswerQueue::Size AnswerQueue::Written() {
  bytes_ -= writing_.bytes;
  return std::exchange(writing_, {});
}

}  // namespace authstate::server::pipe

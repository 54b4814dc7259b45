#ifndef AUTHSTATE_SERVER_PIPE_ANSWER_H_
#define AUTHSTATE_SERVER_PIPE_ANSWER_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/pipe/operation.h"
#include "storage/backend.h"

// What a pipe answers.
namespace authstate::server::pipe {

// Answers in the wire form, for the tag of `operation`.
v1::PipeResult Attached(const Operation& operation, const storage::LeaseResult& result);
v1::PipeResult Detached(const Operation& operation);
// `names` are those that were read, in order.
v1::PipeResult Got(const Operation& operation, std::vector<storage::KeyName> names, storage::ReadResult result);
v1::PipeResult Committed(const Operation& operation, const storage::Applied& applied);
v1::PipeResult Renewed(const Operation& operation, const storage::LeaseResult& result);
// `request_id` is that of the stream.
v1::PipeResult Failed(const Operation& operation, const absl::Status& status, absl::string_view request_id);

// The answers that wait to be written, in order. Not thread-safe.
class AnswerQueue {
 public:
  // Returns the bytes that it takes up from now on.
  std::size_t Add(v1::PipeResult result);

  // Moves answers into `frame`: at least one if there are any, no more than `max_bytes` otherwise. They count on until
  // the next call of Written.
  void Next(std::size_t max_bytes, v1::PipeResponse* frame);

  struct Size {
    std::size_t bytes = 0;
    std::size_t answers = 0;
  };
  // The last frame is on its way; returns what it took up.
  Size Written();

  // Drops everything; what is being written counts no longer.
  void Clear();

  bool empty() const { return waiting_.empty(); }
  // The frame that is being written counts too.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Waiting {
    v1::PipeResult result;
    std::size_t bytes = 0;
  };

  std::deque<Waiting> waiting_;
  Size writing_;
  std::size_t bytes_ = 0;
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_ANSWER_H_

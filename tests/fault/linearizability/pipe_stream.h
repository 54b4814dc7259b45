#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_PIPE_STREAM_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_PIPE_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/fault/linearizability/session_client.h"

namespace authstate::test {

// What a client does on a pipe, and how it is written into the history: `request` is sent as often as need be, `begun`
// is written once for each time.
struct PipeStep {
  v1::PipeOperation request;
  Operation begun;
};

// One stream to one of the servers with one attached session, which lives for a limited time. Not thread-safe.
class PipeStream {
 public:
  PipeStream(std::size_t server, absl::Duration life, RoundContext* context);
  ~PipeStream();
  PipeStream(const PipeStream&) = delete;
  PipeStream& operator=(const PipeStream&) = delete;

  // Sends the steps in one message and waits until each is answered or the stream has ended. Writes all into the
  // history, and returns how each ended, with its answer. `mutation` of a step is whether its request changes
  // something.
  struct Answer {
    absl::Status status;
    v1::PipeResult result;
  };
  std::vector<Answer> Do(std::vector<PipeStep> steps);

  // Whether it is of use still: not ended, and the server does not drain.
  bool usable() const { return !ended_ && !draining_ && absl::Now() < use_until_; }

 private:
  // Reads answers until all of `waiting` have come; false when the stream has ended.
  bool ReadAnswers(std::map<std::uint64_t, Answer>* answers, std::size_t wanted);
  absl::Status Finish();

  RoundContext* const context_;
  const std::size_t server_;
  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
  const absl::Time use_until_;
  grpc::ClientContext call_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PipeRequest, v1::PipeResponse>> stream_;
  std::uint64_t next_tag_ = 1;
  bool ended_ = false;
  bool draining_ = false;
  absl::Status end_status_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_PIPE_STREAM_H_

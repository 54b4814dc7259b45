#ifndef AUTHSTATE_SERVER_PIPE_LIMITS_H_
#define AUTHSTATE_SERVER_PIPE_LIMITS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "storage/batches/batch_limits.h"

namespace authstate::server::pipe {

// What a pipe may hold. docs/pipe.md says what memory follows from it.
struct Limits {
  // Bytes of one stream: of operations and answers, from the moment that an operation is read until its answer is
  // written. Above it the stream is not read; the message that crosses it is still taken whole.
  std::size_t stream_bytes = std::size_t{64} << 20;
  // The same as a number of operations.
  std::size_t stream_operations = 20'000;
  // The bytes of all streams. Above it only streams that hold less than `fair_bytes` are read, so that a few slow
  // readers do not stop everybody.
  std::size_t total_bytes = std::size_t{256} << 20;
  std::size_t fair_bytes = std::size_t{1} << 20;
  // Channels with a session, of one stream. Part of the contract.
  std::size_t channels = 100'000;

  // How many calls one stream has at the backend at once, and how large each may be.
  storage::BatchLimits batches;
  // The reads of one call share so many bytes of values; one that needs more than its share is asked again alone.
  std::size_t read_bytes = std::size_t{8} << 20;
  // No read is sent to the backend while so many bytes of answers wait for a slow reader.
  std::size_t waiting_answer_bytes = std::size_t{16} << 20;

  // One message of answers closes at so many bytes; a larger answer has one of its own.
  std::size_t frame_bytes = std::size_t{1} << 20;
  // A caller that takes nothing for so long is cut off.
  absl::Duration write_patience = absl::Seconds(30);
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_SERVER_PIPE_LIMITS_H_

#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_PIPE_WORKER_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_PIPE_WORKER_H_

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/fault/linearizability/pipe_stream.h"
#include "tests/fault/linearizability/session_client.h"

namespace authstate::test {

// A client of one session over pipes. Its commits have numbers; after a stream has ended it attaches on another server,
// under its fence, and sends what is missing, and on purpose also what is not: what was applied before, and by a second
// stream to the other server, at the same time and the last first, what the first stream carries. Not thread-safe.
class PipeWorker {
 public:
  PipeWorker(int number, std::string session, std::uint64_t seed, RoundContext* context);

  // Until the context says stop.
  void Run();

 private:
  // Waits until the next server in turn answers; false when the worker shall end.
  bool AwaitServer();
  // Attaches under the fence it has, or a new one. Whether it is attached.
  bool Attach(PipeStream* stream);
  // One message and its answers. Whether the worker still is the owner.
  bool Exchange(PipeStream* stream);
  // What a network would do that delivers the same on two ways, in another order: joinable.
  std::thread SendAlsoReversed(std::vector<PipeStep> steps);
  PipeStep AttachStep(std::uint64_t fence);
  PipeStep NextCommit();
  PipeStep Get() const;
  PipeStep Renew() const;
  // Takes note of the answer to a step that was sent.
  void Note(const PipeStep& step, const PipeStream::Answer& answer);
  void Lose();
  Operation Begin(std::string op) const;
  int Roll();

  const int number_;
  const std::string session_;
  RoundContext* const context_;
  std::mt19937_64 random_;
  // Goes to the same server as the next stream, and asks first whether it is there: an attach that is in doubt burdens
  // the check.
  SessionClient prober_;
  std::size_t turn_;
  int lives_ = 0;
  int values_ = 0;
  // 0: not the owner, as far as it knows.
  std::uint64_t fence_ = 0;
  std::uint64_t lost_fence_ = 0;
  std::uint64_t next_number_ = 1;
  // Commits that are not known to be applied, by number.
  std::deque<PipeStep> pending_;
  // The last one that was applied, to be sent again.
  std::vector<PipeStep> applied_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_PIPE_WORKER_H_

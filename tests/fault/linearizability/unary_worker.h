#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_UNARY_WORKER_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_UNARY_WORKER_H_

#include <cstdint>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "tests/fault/linearizability/session_client.h"

namespace authstate::test {

// A client of one session that wants its lease, loses it, falls asleep with it, and sometimes does what a client must
// not: writes under a fence that is not its own any more, or under none. Not thread-safe.
class UnaryWorker {
 public:
  UnaryWorker(int number, const std::string& session, std::uint64_t seed, RoundContext* context);

  // Until the context says stop.
  void Run();

 private:
  absl::Status Step();
  absl::Status StepAsOwner();
  absl::Status StepAsOther();
  absl::Status Acquire();
  // A value that nobody else writes.
  std::string NextValue();
  // A number of [0, 100).
  int Roll();
  // Waits until a server answers.
  void AwaitServer();

  const int number_;
  RoundContext* const context_;
  std::mt19937_64 random_;
  SessionClient client_;
  // 0: not the owner, as far as it knows.
  std::uint64_t fence_ = 0;
  // The last one lost; 0: none.
  std::uint64_t lost_fence_ = 0;
  int lives_ = 0;
  int values_ = 0;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_UNARY_WORKER_H_

#ifndef AUTHSTATE_TESTS_HOSTILE_BYSTANDER_H_
#define AUTHSTATE_TESTS_HOSTILE_BYSTANDER_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"

namespace authstate::test {

// How often an attack comes: once, or AUTHSTATE_FAULT_ROUNDS times, which `./dev fault` sets.
int AttackRounds();

// One write and one read of a session over a connection of its own, which no other shares. OK when both were answered
// within `deadline` and what was read is what was written.
absl::Status WriteAndRead(v1::AuthStateService::Stub* stub, const std::string& session_id, int number,
                          absl::Duration deadline);
// Connected; after 10 s without success it is handed out all the same, and its calls fail.
std::unique_ptr<v1::AuthStateService::Stub> NewConnection(const std::string& address);

// A caller that means well, beside an attack: it writes and reads a session of its own, one call after the other, a
// hundred rounds a second at most, until it is stopped. Every call has a deadline of 10 s.
class Bystander {
 public:
  // Returns once the first round has been answered.
  explicit Bystander(const std::string& address);
  ~Bystander();
  Bystander(const Bystander&) = delete;
  Bystander& operator=(const Bystander&) = delete;

  // What came of it; the first failure, if any round failed. Once.
  absl::Status Stop();
  // After Stop, for people: `200 rounds, p50 0.5 ms, p99 8.1 ms, at most 20.3 ms`.
  std::string Summary() const;

 private:
  void Run();
  absl::Status Round();

  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
  int rounds_ = 0;
  std::vector<absl::Duration> durations_;
  std::atomic<bool> stopping_ = false;
  absl::Status first_failure_;
  std::thread thread_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_BYSTANDER_H_

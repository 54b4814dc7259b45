#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_HISTORY_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_HISTORY_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace authstate::test {

// One call of one client and what came of it, as tests/fault/checker/history.go reads it.
struct Operation {
  int client = 0;
  std::string session;
  std::string op;
  nlohmann::json args = nlohmann::json::object();
  // Nanoseconds of History::Now.
  std::int64_t called = 0;
  std::int64_t returned = 0;
  // `ok`, `refused`, `unknown` or `failed`.
  std::string result;
  // The reason of a refusal: `STALE_FENCE`.
  std::string reason;
  nlohmann::json reply = nlohmann::json::object();
  // Which server was asked, from 1, and whether it has a near store. 0 where no server has one: then it does not
  // matter.
  int at = 0;
  bool near = false;
};

// Sets what came of `operation` by how its call ended. A refusal carries what it tells of the lease; of a success the
// caller sets the reply.
void SetResult(const absl::Status& status, bool mutation, Operation* operation);

// What clients did. Thread-safe.
class History {
 public:
  // By a clock that all threads share and that does not jump.
  static std::int64_t Now();

  // Sets the time of the return. Remembers an error that no fault excuses.
  void Add(Operation operation, const absl::Status& status);

  // Leases may live longer than was asked, by this and by what was said before.
  void LetLeasesLiveOn(absl::Duration longer);

  // One operation a line.
  absl::Status WriteTo(const std::string& path) const;

  // How many operations there are with this result.
  std::size_t Count(absl::string_view result) const;
  // How often a session changed owner: fences that were told to whoever acquired them, but for each session's first.
  std::size_t CountTakeOvers() const;
  // Errors such as INTERNAL or INVALID_ARGUMENT, which the service must not answer whatever happens around it.
  std::vector<std::string> inexcusable() const;

 private:
  mutable absl::Mutex mutex_;
  absl::Duration slack_ ABSL_GUARDED_BY(mutex_);
  std::vector<Operation> operations_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> inexcusable_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_HISTORY_H_

#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_NEMESIS_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_NEMESIS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/fault/linearizability/deployment.h"
#include "tests/fault/linearizability/session_client.h"

namespace authstate::test {

// What happened, in words.
struct Fault {
  // As in `server killed`: one of the lines of README.md.
  std::string kind;
  // To whom it happened, and how.
  std::string detail;
};

// Lets faults happen to `deployment`, one or two at a time, and ends them: which, to whom and when is what `seed` says.
// Returns once all is well again, with what happened in `faults`.
absl::Status LetFaultsHappen(std::uint64_t seed, RoundContext* context, Deployment* deployment,
                             std::vector<Fault>* faults);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_NEMESIS_H_

#ifndef AUTHSTATE_TESTS_SUPPORT_FAULT_ROUNDS_H_
#define AUTHSTATE_TESTS_SUPPORT_FAULT_ROUNDS_H_

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "absl/strings/numbers.h"

namespace authstate::test {

// How many times over faults and attacks are played: AUTHSTATE_FAULT_ROUNDS, which `./dev fault` sets; nullopt where it
// is not set, as in `./dev test`. Ends the process when it is no whole number of 1 or more: a long run that is silently
// a short one shows nothing.
inline std::optional<int> FaultRounds() {
  const char* const variable = std::getenv("AUTHSTATE_FAULT_ROUNDS");
  if (variable == nullptr) return std::nullopt;
  int rounds = 0;
  if (absl::SimpleAtoi(variable, &rounds) && rounds > 0) return rounds;
  std::fprintf(stderr, "AUTHSTATE_FAULT_ROUNDS: a whole number of 1 or more is expected\n");
  std::exit(EXIT_FAILURE);
}

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_FAULT_ROUNDS_H_

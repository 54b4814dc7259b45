#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_ROUND_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_ROUND_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/fault/linearizability/deployment.h"
#include "tests/fault/linearizability/nemesis.h"

namespace authstate::test {

// What came of a round: clients at work on a few sessions of its own while faults happen.
struct RoundReport {
  std::uint64_t seed = 0;
  std::vector<Fault> faults;
  // For how long each switch to another database held the calls.
  std::vector<absl::Duration> holds;
  // Operations by their result.
  std::size_t done = 0;
  std::size_t refused = 0;
  std::size_t unknown = 0;
  std::size_t failed = 0;
  std::size_t take_overs = 0;
  // What RoundContext had counted of these when the round ended.
  std::size_t duplicates = 0;
  std::size_t reordered = 0;
  // With encryption, how often a data key was wrapped anew, and a session opened or encrypted, meanwhile.
  std::size_t rewrapped = 0;
  std::size_t resealed = 0;
  // Errors that no fault excuses.
  std::vector<std::string> inexcusable;
  // Whether the checker found the history to follow the contract, and what it said.
  bool accepted = false;
  std::string verdict;
  // Where the history is; only one that was not accepted is kept.
  std::string history_path;
};

enum class Faults : std::uint8_t {
  kNone,
  kRandom,
  // The disk of the first server's near store loses what was acknowledged while PostgreSQL could not be reached.
  kLostDisk,
  // The deployment moves: the sessions go to other databases and back, some of the way in vain.
  kMoves,
};

// Whether the checker has been built.
bool HasHistoryChecker();

// Plays a round, reads the sessions at its end through every server, and has the history checked. What the clients do
// and what happens to them follows from `seed`; when exactly, from the machine. An error means that the round could not
// be played.
absl::StatusOr<RoundReport> PlayRound(std::uint64_t seed, Faults faults, Deployment* deployment);

// For people.
std::string Describe(const RoundReport& report);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_ROUND_H_

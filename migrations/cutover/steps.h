#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_STEPS_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_STEPS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace authstate::cutover {

// One step of the evening. Each command is for /bin/sh, and can be run again, also after it did half of its work.
struct Step {
  // ^[a-z][a-z0-9-]*$, and no other step's.
  std::string name;
  // For people, one sentence.
  std::string about;
  std::string run;
  // Succeeds if what `run` is to bring about holds.
  std::string check;
  // Takes back what `run` did; empty: there is nothing to take back.
  std::string undo;
  // Succeeds if what `undo` is to bring about holds; empty: that `undo` succeeded says it.
  std::string undone;
  // For `run` and `check` together, and for `undo` and `undone` together: 1 ms to 24 h.
  absl::Duration at_most;
};

// A file of steps, `[[step]]` each, in the order of the evening (docs/cutover.md).
struct Steps {
  std::vector<Step> steps;
  // SHA-256 of the file, in hex: two rehearsals are of the same steps where it is the same.
  std::string digest;
};

// InvalidArgument, naming the line, or the step and the key, when `text` is no file of steps.
absl::StatusOr<Steps> ParseSteps(absl::string_view text);

// The same of a file, which errors name; fails also as tables::ReadWhole.
absl::StatusOr<Steps> ReadSteps(const std::string& path);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_STEPS_H_

#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_RECORD_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_RECORD_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "migrations/cutover/steps.h"

namespace authstate::cutover {

// How a step, or a whole rehearsal, came out. A rehearsal is the first three alone.
enum class Outcome : std::uint8_t {
  kDone,
  kFailed,
  // Or still under way.
  kInterrupted,
  // A step that an earlier run had done, and whose check still held.
  kSkipped,
  kNotRun,
  // It was done, and could not be undone.
  kUndoFailed,
};

struct StepRecord {
  std::string name;
  Outcome outcome = Outcome::kNotRun;
  // How long it took to run and check it; nullopt: it was not run.
  std::optional<absl::Duration> took;
  // The same of its undo; nullopt: it was not undone.
  std::optional<absl::Duration> undo_took;
};

// What a rehearsal was of, and what came out. As a file it is JSON, in which times are in seconds. Plain data.
struct RehearsalRecord {
  std::string steps_digest;
  // The profiles between which it went.
  std::string from;
  std::string to;
  absl::Time started;
  // When it was written; of a rehearsal that is over, when that was.
  absl::Time ended;
  Outcome outcome = Outcome::kInterrupted;
  // Empty: none.
  std::string failed_step;
  // All steps together; of one that was skipped, the time of the run that did it.
  std::optional<absl::Duration> forward;
  // From the first undo to the last; nullopt: the way back was not gone to its end.
  std::optional<absl::Duration> way_back;
  std::vector<StepRecord> steps;
};

RehearsalRecord NewRecord(const Steps& steps, std::string from, std::string to, absl::Time now);

nlohmann::ordered_json ToJson(const RehearsalRecord& record);

// For people and in the file: `undo-failed`.
std::string NameOf(Outcome outcome);

// NotFound when there is no such file; InvalidArgument when it is no record that this version reads; else as
// tables::ReadWhole.
absl::StatusOr<RehearsalRecord> ReadRecord(const std::string& path);
// Fails as tables::WriteWhole.
absl::Status WriteRecord(const std::string& path, const RehearsalRecord& record);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_RECORD_H_

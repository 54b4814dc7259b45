#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_REHEARSAL_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_REHEARSAL_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "migrations/cutover/record.h"
#include "migrations/cutover/steps.h"

namespace authstate::cutover {

// What a rehearsal is played on.
struct Stage {
  // Runs a command, until `deadline` at the latest. Cancelled once the operator stops the rehearsal; any other error
  // says how the command failed.
  std::function<absl::Status(const std::string& command, absl::Time deadline)> run;
  std::function<absl::Time()> now;
  // Puts the record where it is kept.
  std::function<absl::Status(const RehearsalRecord& record)> keep;
  // Is told what goes on, in lines for people.
  std::function<void(const std::string& line)> tell;
};

// Runs and checks all steps, one after the other; then undoes them in reverse order, which is the way back. The record
// is kept from the beginning on and after each step, so that it also tells of a rehearsal that was killed.
//
// A step that fails, or takes longer than it may, ends the way forward: every step that was begun is undone, that one
// too, as half of it may be done. An undo that fails does not keep the others from being tried.
//
// `record` is new (NewRecord), or that of a rehearsal of the same steps that was interrupted: a step that was done
// there is not run again if its check holds.
//
// DataLoss when a step or an undo failed; Cancelled when the operator stopped it, with all left as it is; else as
// `stage.keep`.
absl::Status Rehearse(const Steps& steps, const Stage& stage, RehearsalRecord* record);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_REHEARSAL_H_

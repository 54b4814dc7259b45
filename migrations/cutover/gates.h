#ifndef AUTHSTATE_MIGRATIONS_CUTOVER_GATES_H_
#define AUTHSTATE_MIGRATIONS_CUTOVER_GATES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "migrations/cutover/client_sessions.h"
#include "migrations/cutover/record.h"
#include "migrations/tables/plan.h"

// What has to hold before traffic goes from one database to the other. A gate is a function of what was read: it opens
// for what is known to be well alone. What could not be read is unknown, and keeps it shut; only of what is not there
// it is known that it is not (NotFound). All are pure.
namespace authstate::cutover {

enum class Answer : std::uint8_t { kYes, kNo, kUnknown };

// `yes`, `no`, `unknown`.
std::string NameOf(Answer answer);

struct Gate {
  std::string name;
  Answer answer = Answer::kUnknown;
  // What was found.
  std::string reason;
  // What to do about it; empty where the answer is yes.
  std::string remedy;
};

// The newest whole one of a folder.
struct NewestBackup {
  std::string path;
  absl::Time begun;
  // Whether it is known to be of another store than the one that serves.
  bool of_another_store = false;
};

// `backup-fresh`: it is of this store, and was begun no longer ago than `at_most`.
Gate BackupFresh(const absl::StatusOr<NewestBackup>& backup, absl::Duration at_most, absl::Time now,
                 std::string remedy);

// When a backup was last restored for a trial, and when that backup had been begun.
struct Drill {
  absl::Time done;
  absl::Time backup_begun;
};

// `backup-drilled`: both are no longer ago than `at_most`, so that no old backup stands in for those of today.
Gate BackupDrilled(const absl::StatusOr<Drill>& drill, absl::Duration at_most, absl::Time now, std::string remedy);

// `plan-clean`: nothing of the plan is in the way of the move.
Gate PlanClean(const absl::StatusOr<std::vector<tables::Finding>>& blocking, std::string remedy);

// `verified`: there are no reasons for which the report of `tables verify` does not count.
Gate Verified(const absl::StatusOr<std::vector<std::string>>& reasons, std::string remedy);

// What a server says of its databases.
struct FollowedCopy {
  // The one that serves.
  std::string serves;
  // Whether the target is kept equal to it.
  bool followed = false;
  // The moment of the serving database that the target has; nullopt: it had not caught up once.
  std::optional<absl::Time> equal_at;
  std::uint64_t differing_sessions = 0;
  // Why the last round failed; empty: it did not.
  std::string error;
};

// `backend-equal`: `from` serves, and the target is kept equal to it and is no more than `max_lag` behind.
Gate BackendEqual(const absl::StatusOr<FollowedCopy>& copy, const std::string& from, absl::Duration max_lag,
                  absl::Time now, std::string remedy);

// `nobody-else`: every session is one of `allowed`.
Gate NobodyElse(const absl::StatusOr<std::vector<ClientSessions>>& sessions, const std::vector<MayConnect>& allowed,
                std::string remedy);

struct WayBackTerms {
  // The digest of the steps that the evening is to have.
  std::string steps_digest;
  std::string from;
  std::string to;
  // The longest that the way back may have taken.
  absl::Duration at_most;
  // The longest that the rehearsal may be ago.
  absl::Duration max_age;
};

// `way-back`: the last rehearsal was of these steps and databases, ended well, and its way back was short enough.
Gate WayBack(const absl::StatusOr<RehearsalRecord>& record, const absl::StatusOr<WayBackTerms>& terms, absl::Time now,
             std::string remedy);

}  // namespace authstate::cutover

#endif  // AUTHSTATE_MIGRATIONS_CUTOVER_GATES_H_

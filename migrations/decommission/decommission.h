#ifndef AUTHSTATE_MIGRATIONS_DECOMMISSION_DECOMMISSION_H_
#define AUTHSTATE_MIGRATIONS_DECOMMISSION_DECOMMISSION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "migrations/decommission/quietness.h"
#include "migrations/decommission/sample.h"
#include "migrations/tables/database.h"
#include "profiles/database_options.h"

namespace authstate::decommission {

// The old database, which is given up, and the new one, which keeps what is seen of it.
struct Profiles {
  profiles::BackendChoice database = profiles::BackendChoice::kSupabase;
  profiles::BackendChoice into = profiles::BackendChoice::kTimeweb;
};

// Takes one sample of the old database and keeps it in the new one, as of `now`; returns it. `warnings` is given what
// an operator should know of the connections. InvalidArgument when the options do not suffice, or both profiles lead to
// the same database; else fails as TakeSample and KeepSample do, and nothing is kept.
absl::StatusOr<Sample> Watch(const profiles::DatabaseOptions& options, const Profiles& profiles, absl::Time now,
                             const tables::Database::Interrupted& interrupted, std::vector<std::string>* warnings);

// What the samples in the new database, since `since`, come to. The old one is not asked, so it may be gone. Fails as
// ReadSamples does.
absl::StatusOr<Quietness> ReadQuietness(const profiles::DatabaseOptions& options, const Profiles& profiles,
                                        const Terms& terms, absl::Time since, absl::Time now,
                                        const tables::Database::Interrupted& interrupted,
                                        std::vector<std::string>* warnings);

}  // namespace authstate::decommission

#endif  // AUTHSTATE_MIGRATIONS_DECOMMISSION_DECOMMISSION_H_

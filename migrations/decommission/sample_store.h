#ifndef AUTHSTATE_MIGRATIONS_DECOMMISSION_SAMPLE_STORE_H_
#define AUTHSTATE_MIGRATIONS_DECOMMISSION_SAMPLE_STORE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "migrations/decommission/sample.h"
#include "migrations/tables/database.h"

// Samples in the new database: one table, in a schema of its own, where nothing looks for tables of the service or of
// the application.
namespace authstate::decommission {

inline constexpr char kSchema[] = "authstate_decommission";

// How long samples are kept.
inline constexpr absl::Duration kSamplesKept = absl::Hours(24 * 90);

// Adds a sample of `profile` at `at`, and drops those of it that are older than kSamplesKept. Makes the schema and the
// table where they are missing, which takes CREATE on the database; then SELECT, INSERT and DELETE on the table will
// do. All of it or nothing; fails as Database::Write does.
//
// Tables that are as before are not kept again, but once a day. So a sample of a quiet minute takes some 600 bytes.
absl::Status KeepSample(tables::Database& into, absl::string_view profile, absl::Time at, const SampleText& sample);

// The samples of `profile` since `since`, by time; up to a day of those before it are among them, as the tables of what
// follows stand there. None when there is no table; Internal when one is not ours.
absl::StatusOr<std::vector<Sample>> ReadSamples(tables::Database& into, absl::string_view profile, absl::Time since);

}  // namespace authstate::decommission

#endif  // AUTHSTATE_MIGRATIONS_DECOMMISSION_SAMPLE_STORE_H_

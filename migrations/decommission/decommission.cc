#include "migrations/decommission/decommission.h"

#include <iterator>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "migrations/decommission/sample_store.h"
#include "storage/deadline_timer.h"

namespace authstate::decommission {
namespace {

// A sample that takes longer would meet the next one.
constexpr tables::Patience kPatience = {absl::Seconds(30), absl::Seconds(5), absl::Seconds(10)};

absl::StatusOr<std::unique_ptr<tables::Database>> Open(const profiles::DatabaseOptions& options,
                                                       profiles::BackendChoice choice, storage::DeadlineTimer& timer,
                                                       const tables::Database::Interrupted& interrupted,
                                                       std::vector<std::string>* warnings) {
  absl::StatusOr<profiles::PostgresTarget> target = profiles::ResolveTarget(options, choice);
  if (!target.ok()) return target.status();
  std::move(target->warnings.begin(), target->warnings.end(), std::back_inserter(*warnings));
  return tables::Database::Open(target->options, kPatience, timer, interrupted, kApplication);
}

}  // namespace

absl::StatusOr<Sample> Watch(const profiles::DatabaseOptions& options, const Profiles& profiles, absl::Time now,
                             const tables::Database::Interrupted& interrupted, std::vector<std::string>* warnings) {
  storage::DeadlineTimer timer;
  const auto database = Open(options, profiles.database, timer, interrupted, warnings);
  if (!database.ok()) return database.status();
  const auto into = Open(options, profiles.into, timer, interrupted, warnings);
  if (!into.ok()) return into.status();
  const absl::StatusOr<std::string> kept_in = IdentityOf(**into);
  if (!kept_in.ok()) return kept_in.status();
  const absl::StatusOr<SampleText> text = TakeSample(**database);
  if (!text.ok()) return text.status();
  absl::StatusOr<Sample> sample = ParseFacts(now, text->facts);
  if (!sample.ok()) return sample;
  absl::StatusOr<Tables> counted = ParseTables(text->tables);
  if (!counted.ok()) return counted.status();
  if (sample->database == *kept_in) {
    return absl::InvalidArgumentError(
        absl::StrCat("--database and --into are the same database: ", (*into)->location()));
  }
  if (absl::Status kept = KeepSample(**into, profiles::NameOf(profiles.database), now, *text); !kept.ok()) return kept;
  sample->tables = std::make_shared<const Tables>(*std::move(counted));
  return sample;
}

absl::StatusOr<Quietness> ReadQuietness(const profiles::DatabaseOptions& options, const Profiles& profiles,
                                        const Terms& terms, absl::Time since, absl::Time now,
                                        const tables::Database::Interrupted& interrupted,
                                        std::vector<std::string>* warnings) {
  storage::DeadlineTimer timer;
  const auto into = Open(options, profiles.into, timer, interrupted, warnings);
  if (!into.ok()) return into.status();
  const absl::StatusOr<std::vector<Sample>> samples = ReadSamples(**into, profiles::NameOf(profiles.database), since);
  if (!samples.ok()) return samples.status();
  return Judge(*samples, terms, now);
}

}  // namespace authstate::decommission

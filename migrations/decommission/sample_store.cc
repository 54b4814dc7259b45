#include "migrations/decommission/sample_store.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "migrations/tables/sql_text.h"

namespace authstate::decommission {
namespace {

using tables::QuoteLiteral;

// Whether the schema and the table are there. By the catalogue, as CREATE … IF NOT EXISTS wants the right to create
// also where there is nothing to be made.
constexpr char kMade[] = R"(
SELECT count(*) > 0, count(c.oid) > 0 FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'samples' WHERE n.nspname = '$SCHEMA')";

constexpr char kMakeSchema[] = "CREATE SCHEMA IF NOT EXISTS $SCHEMA; ";

// `tables` is NULL where it is as in the sample before.
constexpr char kMakeTable[] = R"(
CREATE TABLE IF NOT EXISTS $SCHEMA.samples (
  profile text NOT NULL,
  sampled_at timestamptz NOT NULL,
  facts jsonb NOT NULL,
  tables jsonb,
  PRIMARY KEY (profile, sampled_at));)";

constexpr char kKeep[] = R"(
INSERT INTO $SCHEMA.samples (profile, sampled_at, facts, tables)
SELECT $PROFILE, moment, jsonb $FACTS, nullif(counted, (
  SELECT tables FROM $SCHEMA.samples
  WHERE profile = $PROFILE AND tables IS NOT NULL AND sampled_at < moment AND sampled_at > moment - interval '1 day'
  ORDER BY sampled_at DESC LIMIT 1))
FROM (SELECT timestamptz $AT AS moment, jsonb $TABLES AS counted) new
ON CONFLICT DO NOTHING;)";

// Those before the last that has its tables and is old enough, as the samples after it need it.
constexpr char kDrop[] = R"(
DELETE FROM $SCHEMA.samples WHERE profile = $PROFILE AND sampled_at < (
  SELECT max(sampled_at) FROM $SCHEMA.samples
  WHERE profile = $PROFILE AND tables IS NOT NULL AND sampled_at <= $OLDEST))";

constexpr char kRead[] = R"(
SELECT (extract(epoch FROM sampled_at) * 1000000)::int8, facts, tables FROM $SCHEMA.samples
WHERE profile = $PROFILE AND sampled_at >= coalesce((
  SELECT max(sampled_at) FROM $SCHEMA.samples
  WHERE profile = $PROFILE AND tables IS NOT NULL AND sampled_at <= $SINCE), '-infinity')
ORDER BY sampled_at)";

std::string Filled(absl::string_view sql) { return absl::StrReplaceAll(sql, {{"$SCHEMA", kSchema}}); }

// Microseconds, as PostgreSQL has them.
std::string TimeLiteral(absl::Time time) {
  return QuoteLiteral(
      absl::FormatTime(absl::RFC3339_full, absl::FromUnixMicros(absl::ToUnixMicros(time)), absl::UTCTimeZone()));
}

struct Made {
  bool schema = false;
  bool table = false;
};

absl::StatusOr<Made> WhatIsMade(tables::Database& into) {
  const absl::StatusOr<tables::Rows> rows = into.Read(Filled(kMade));
  if (!rows.ok()) return rows.status();
  return Made{rows->Bool(0, 0), rows->Bool(0, 1)};
}

absl::Status Write(tables::Database& into, const std::string& sql, absl::string_view what) {
  const std::optional<tables::DbError> error = into.Write(sql);
  return error.has_value() ? tables::ToStatus(*error, what, into.title()) : absl::OkStatus();
}

}  // namespace

absl::Status KeepSample(tables::Database& into, absl::string_view profile, absl::Time at, const SampleText& sample) {
  const absl::StatusOr<Made> made = WhatIsMade(into);
  if (!made.ok()) return made.status();
  if (!made->table) {
    const std::string make = absl::StrCat(made->schema ? "" : Filled(kMakeSchema), Filled(kMakeTable));
    const absl::Status status = Write(into, make, absl::StrCat("cannot make ", kSchema, ".samples in"));
    if (!status.ok()) return status;
  }
  const std::string keep = absl::StrReplaceAll(absl::StrCat(kKeep, kDrop), {{"$SCHEMA", kSchema},
                                                                            {"$PROFILE", QuoteLiteral(profile)},
                                                                            {"$AT", TimeLiteral(at)},
                                                                            {"$OLDEST", TimeLiteral(at - kSamplesKept)},
                                                                            {"$FACTS", QuoteLiteral(sample.facts)},
                                                                            {"$TABLES", QuoteLiteral(sample.tables)}});
  return Write(into, keep, "cannot keep the sample in");
}

absl::StatusOr<std::vector<Sample>> ReadSamples(tables::Database& into, absl::string_view profile, absl::Time since) {
  const absl::StatusOr<Made> made = WhatIsMade(into);
  if (!made.ok()) return made.status();
  std::vector<Sample> samples;
  if (!made->table) return samples;
  const absl::StatusOr<tables::Rows> rows = into.Read(
      absl::StrReplaceAll(Filled(kRead), {{"$PROFILE", QuoteLiteral(profile)}, {"$SINCE", TimeLiteral(since)}}));
  if (!rows.ok()) return rows.status();
  std::shared_ptr<const Tables> tables;
  for (int row = 0; row < rows->size(); ++row) {
    if (!rows->IsNull(row, 2)) {
      absl::StatusOr<Tables> counted = ParseTables(rows->Text(row, 2));
      if (!counted.ok()) return counted.status();
      tables = std::make_shared<const Tables>(*std::move(counted));
    }
    absl::StatusOr<Sample> sample = ParseFacts(absl::FromUnixMicros(rows->Int(row, 0)), rows->Text(row, 1));
    if (!sample.ok()) return sample.status();
    if (tables == nullptr) return absl::InternalError("the first sample has no tables");
    sample->tables = tables;
    samples.push_back(*std::move(sample));
  }
  return samples;
}

}  // namespace authstate::decommission

#include "migrations/cutover/record.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "migrations/tables/whole_file.h"
#include "storage/absolute_path.h"

namespace authstate::cutover {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;
constexpr std::pair<Outcome, const char*> kOutcomes[] = {
    {Outcome::kDone, "done"},       {Outcome::kFailed, "failed"},  {Outcome::kInterrupted, "interrupted"},
    {Outcome::kSkipped, "skipped"}, {Outcome::kNotRun, "not-run"}, {Outcome::kUndoFailed, "undo-failed"}};

std::string TimeText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone()); }

Json Seconds(const std::optional<absl::Duration>& duration) {
  if (!duration.has_value()) return {};
  return absl::ToDoubleSeconds(absl::Trunc(*duration, absl::Milliseconds(1)));
}

std::optional<absl::Duration> ToDuration(const Json& seconds) {
  if (seconds.is_null()) return std::nullopt;
  return absl::Seconds(seconds.get<double>());
}

// nullopt for what ToJson does not write; throws for what is not there.
std::optional<RehearsalRecord> FromJson(const Json& json) {
  bool known = true;
  const auto to_outcome = [&known](const std::string& name) {
    for (const auto& [outcome, outcome_name] : kOutcomes) {
      if (name == outcome_name) return outcome;
    }
    known = false;
    return Outcome::kInterrupted;
  };
  const auto to_time = [&known](const std::string& text) {
    absl::Time time;
    std::string error;
    known = absl::ParseTime(absl::RFC3339_full, text, &time, &error) && known;
    return time;
  };
  RehearsalRecord record;
  record.steps_digest = json.at("steps_digest");
  record.from = json.at("from");
  record.to = json.at("to");
  record.started = to_time(json.at("started"));
  record.ended = to_time(json.at("ended"));
  record.outcome = to_outcome(json.at("outcome"));
  if (!json.at("failed_step").is_null()) record.failed_step = json.at("failed_step");
  record.forward = ToDuration(json.at("forward_seconds"));
  record.way_back = ToDuration(json.at("way_back_seconds"));
  for (const Json& step : json.at("steps")) {
    record.steps.push_back({step.at("name"), to_outcome(step.at("outcome")), ToDuration(step.at("seconds")),
                            ToDuration(step.at("undo_seconds"))});
  }
  return known ? std::optional<RehearsalRecord>(std::move(record)) : std::nullopt;
}

}  // namespace

RehearsalRecord NewRecord(const Steps& steps, std::string from, std::string to, absl::Time now) {
  RehearsalRecord record;
  record.steps_digest = steps.digest;
  record.from = std::move(from);
  record.to = std::move(to);
  record.started = record.ended = now;
  for (const Step& step : steps.steps) record.steps.emplace_back().name = step.name;
  return record;
}

Json ToJson(const RehearsalRecord& record) {
  Json steps = Json::array();
  for (const StepRecord& step : record.steps) {
    steps.push_back({{"name", step.name},
                     {"seconds", Seconds(step.took)},
                     {"undo_seconds", Seconds(step.undo_took)},
                     {"outcome", NameOf(step.outcome)}});
  }
  return {{"format", kFormat},
          {"steps_digest", record.steps_digest},
          {"from", record.from},
          {"to", record.to},
          {"started", TimeText(record.started)},
          {"ended", TimeText(record.ended)},
          {"outcome", NameOf(record.outcome)},
          {"failed_step", record.failed_step.empty() ? Json() : Json(record.failed_step)},
          {"forward_seconds", Seconds(record.forward)},
          {"way_back_seconds", Seconds(record.way_back)},
          {"steps", std::move(steps)}};
}

std::string NameOf(Outcome outcome) {
  for (const auto& [known, name] : kOutcomes) {
    if (outcome == known) return name;
  }
  return "";
}

absl::StatusOr<RehearsalRecord> ReadRecord(const std::string& path) {
  const absl::StatusOr<std::string> text = tables::ReadWhole(path);
  if (!text.ok()) return text.status();
  try {
    const Json json = Json::parse(*text);
    std::optional<RehearsalRecord> record = json.at("format") == kFormat ? FromJson(json) : std::nullopt;
    if (record.has_value()) return *std::move(record);
  } catch (const Json::exception&) {
    // Told below.
  }
  return absl::InvalidArgumentError(
      absl::StrCat(storage::AbsolutePath(path), " is no record of `cutover rehearse` that this version reads"));
}

absl::Status WriteRecord(const std::string& path, const RehearsalRecord& record) {
  return tables::WriteWhole(path,
                            absl::StrCat(ToJson(record).dump(2, ' ', false, Json::error_handler_t::replace), "\n"));
}

}  // namespace authstate::cutover

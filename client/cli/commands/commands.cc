#include "client/cli/commands/commands.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "contract/limits.h"

namespace authstate::cli {

Command Group(std::string name, std::string help, std::vector<Command> commands) {
  Command command;
  command.name = std::move(name);
  command.help = std::move(help);
  command.commands = std::move(commands);
  return command;
}

Option SessionArgument(std::string* session_id) { return Required(Text("SESSION", session_id, "The session's id")); }

Option Prefix(std::string* prefix) { return Text("--prefix", prefix, "Only sessions whose id starts with this"); }

Option Age(std::string names, std::optional<absl::Duration>* age, std::string help) {
  const auto set = [age](const std::string& text) -> std::string {
    absl::Duration length;
    std::int64_t days = 0;
    if (absl::EndsWith(text, "d") && absl::SimpleAtoi(absl::StripSuffix(text, "d"), &days) && days >= 0 &&
        days <= kMaxAgeDays) {
      length = absl::Hours(24) * days;
    } else if (!absl::ParseDuration(text, &length)) {
      length = absl::ZeroDuration();
    }
    if (length < absl::Milliseconds(1) || length > absl::Hours(24) * kMaxAgeDays) {
      return "a time from 1ms to 36500d is expected, such as 30d or 12h";
    }
    *age = length;
    return "";
  };
  return profiles::Custom(std::move(names), std::move(help), set,
                          [age] { return age->has_value() ? absl::FormatDuration(**age) : ""; });
}

Option Yes(bool* yes, std::string help) { return Flag("-y,--yes", yes, std::move(help)); }

Option Fence(std::uint64_t* fence, std::string help) {
  return profiles::Number("--fence", fence, 1, profiles::kMaxStoredNumber, std::move(help));
}

Option ExpectedRevision(std::optional<std::uint64_t>* revision) {
  return profiles::WholeNumber(
      "--expected-revision", 0, profiles::kMaxStoredNumber, "Only if the session is at this revision",
      [revision](std::uint64_t number) { *revision = number; }, [revision] { return revision->value_or(0); });
}

Option ProfileOption(const char* name, profiles::BackendChoice* choice, const char* help) {
  std::vector<std::pair<std::string, profiles::BackendChoice>> choices;
  for (const profiles::BackendChoice profile : profiles::kPostgresProfiles) {
    choices.emplace_back(profiles::NameOf(profile), profile);
  }
  return profiles::Choice(name, choice, choices, help);
}

std::vector<Option> Writing(WriteOptions* options, std::vector<Option> declared) {
  Option fence = Fence(&options->fence, "Write under the lease with this fence, as `lease acquire` told it");
  fence.excludes = "--take-lease";
  Option take = Flag("--take-lease", &options->take_lease,
                     "Take the session's lease for the time of this command, and give it back");
  take.excludes = "--fence";
  Option steal =
      Flag("--steal", &options->steal, "Take it also from an owner that is alive; its next operation then fails");
  steal.needs = "--take-lease";
  for (Option* option : {&fence, &take, &steal}) declared.push_back(std::move(*option));
  return declared;
}

Option TakingLease(WriteOptions* options) {
  options->take_lease = true;
  return Flag("--steal", &options->steal,
              "Take the lease also from an owner that is alive; its next operation then fails");
}

absl::Status ReportRevision(Output& output, const std::string& session_id, std::uint64_t revision) {
  if (output.json()) return output.WriteJson({{"session_id", session_id}, {"revision", revision}});
  return output.WriteLine(absl::StrCat("session ", session_id, " is at revision ", revision));
}

}  // namespace authstate::cli

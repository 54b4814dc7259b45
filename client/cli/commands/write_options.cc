#include "client/cli/commands/commands.h"
#include "profiles/option_checks.h"

namespace authstate::cli {

CLI::Option* AddFence(CLI::App& command, std::uint64_t* fence, const std::string& description) {
  return command.add_option("--fence", *fence, description)
      ->check(profiles::NumberBetween(1, profiles::kMaxStoredNumber));
}

void AddExpectedRevision(CLI::App& command, std::optional<std::uint64_t>* revision) {
  command.add_option("--expected-revision", *revision, "Only if the session is at this revision")
      ->check(profiles::NumberBetween(0, profiles::kMaxStoredNumber));
}

void AddWriteOptions(CLI::App& command, WriteOptions* options) {
  CLI::Option* const fence =
      AddFence(command, &options->fence, "Write under the lease with this fence, as `lease acquire` told it");
  CLI::Option* const take = command.add_flag("--take-lease", options->take_lease,
                                             "Take the session's lease for the time of this command, and give it back");
  take->excludes(fence);
  command
      .add_flag("--steal", options->steal, "Take it also from an owner that is alive; its next operation then fails")
      ->needs(take);
}

}  // namespace authstate::cli

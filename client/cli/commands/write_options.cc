#include "client/cli/commands/commands.h"

namespace authstate::cli {

void AddWriteOptions(CLI::App& command, WriteOptions* options) {
  CLI::Option* const fence = command.add_option("--fence", options->fence,
                                                "Write under the lease with this fence, as `lease acquire` told it");
  CLI::Option* const take = command.add_flag("--take-lease", options->take_lease,
                                             "Take the session's lease for the time of this command, and give it back");
  take->excludes(fence);
  command
      .add_flag("--steal", options->steal, "Take it also from an owner that is alive; its next operation then fails")
      ->needs(take);
}

}  // namespace authstate::cli

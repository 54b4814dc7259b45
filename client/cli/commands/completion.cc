#include "client/cli/completion.h"

#include <memory>
#include <string>

#include "client/cli/commands/commands.h"
#include "profiles/option_checks.h"

namespace authstate::cli {

void AddCompletionCommand(CLI::App& parent, Action* action) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* const completion =
      parent.add_subcommand("completion", "Print a script that completes commands, options and session ids in a shell");
  completion->footer("Example: source <(authstatectl completion bash)");
  completion->add_option("SHELL", *shell, "bash or zsh")->required()->check(profiles::OneOf({"bash", "zsh"}));
  completion->callback([=] {
    *action = [shell](CommandContext& context) {
      return context.output().Write(*shell == "bash" ? kBashCompletion : kZshCompletion);
    };
  });
}

}  // namespace authstate::cli

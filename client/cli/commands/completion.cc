#include "client/cli/completion.h"

#include "client/cli/commands/commands.h"

namespace authstate::cli {
namespace {

absl::Status PrintScript(CommandContext& context, const std::string& shell) {
  return context.output().Write(shell == "bash" ? kBashCompletion : kZshCompletion);
}

}  // namespace

Command CompletionCommand(Action* action) {
  const auto shell = std::make_shared<std::string>();
  Command completion =
      Leaf("completion", "Print a script that completes commands, options and session ids in a shell", shell,
           {Required(profiles::Choice("SHELL", shell.get(), {"bash", "zsh"}, "The shell"))}, PrintScript, action);
  completion.footer = "Example: source <(authstatectl completion bash)";
  return completion;
}

}  // namespace authstate::cli

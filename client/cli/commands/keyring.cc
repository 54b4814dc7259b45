#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/commands/commands.h"
#include "keyring/keyring_file.h"

namespace authstate::cli {
namespace {

struct KeyringOptions {
  std::string path;
  std::string id;
};

absl::Status Report(CommandContext& context, const KeyringOptions& options, absl::string_view text) {
  if (context.output().json()) return context.output().WriteJson({{"file", options.path}, {"key", options.id}});
  return context.output().WriteLine(text);
}

absl::Status Init(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status made = InitKeyringFile(options.path, options.id); !made.ok()) return made;
  return Report(context, options,
                absl::StrCat("made ", options.path, " with the key ", options.id,
                             "; keep a copy elsewhere, and apart from the database: without it the sessions are lost"));
}

absl::Status Add(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status added = AddKeyringKey(options.path, options.id); !added.ok()) return added;
  return Report(
      context, options,
      absl::StrCat("added the key ", options.id,
                   "; start every server with this file before you make the key active, and keep a copy of it"));
}

absl::Status Activate(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status active = ActivateKeyringKey(options.path, options.id); !active.ok()) return active;
  return Report(
      context, options,
      absl::StrCat("the key ", options.id, " is active: a server that is started from now on encrypts under it"));
}

Command OfFile(const std::string& name, const std::string& help,
               absl::Status (*run)(CommandContext&, const KeyringOptions&), Action* action) {
  const auto options = std::make_shared<KeyringOptions>();
  return Leaf(name, help, options,
              {Required(Text("FILE", &options->path, "The keyring file")),
               Required(Text("ID", &options->id, "What the key is called: 1 to 32 of A-Z a-z 0-9 . _ -"))},
              run, action);
}

}  // namespace

Command KeyringCommands(Action* action) {
  return Group("keyring", "Make and change the file with the keys that sessions are encrypted under",
               {OfFile("init", "Make a keyring with one new key, which is active", Init, action),
                OfFile("add", "Add a new key, which is not active yet", Add, action),
                OfFile("activate", "Make a key the one that sessions are encrypted under", Activate, action)});
}

}  // namespace authstate::cli

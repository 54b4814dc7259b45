#include "client/cli/keyring_choice.h"

#include <cstdlib>
#include <utility>

#include "profiles/secrets.h"

namespace authstate::cli {

std::vector<profiles::Option> DeclareKeyring(KeyringSource* source, std::string file_help) {
  profiles::Option file = profiles::Text("--keyring-file", &source->file, std::move(file_help));
  file.variable = "AUTHSTATE_KEYRING_FILE";
  profiles::Option command =
      profiles::Text("--keyring-command", &source->command, "Command of the shell that prints it");
  command.variable = "AUTHSTATE_KEYRING_COMMAND";
  return {std::move(file), std::move(command)};
}

absl::StatusOr<std::shared_ptr<const Keyring>> FindKeyring(KeyringSource source) {
  const char* const text = std::getenv(kKeyringVariable);
  if (!source.given() && text != nullptr) source.text = text;
  absl::StatusOr<std::shared_ptr<const Keyring>> keyring = LoadKeyring(source);
  Wipe(&source.text);
  profiles::HideVariable(kKeyringVariable);
  return keyring;
}

absl::StatusOr<std::shared_ptr<const Keyring>> ReadKeyring(KeyringSource source) {
  absl::StatusOr<std::shared_ptr<const Keyring>> keyring = FindKeyring(std::move(source));
  if (keyring.ok() && *keyring == nullptr) {
    return absl::InvalidArgumentError("--keyring-file or --keyring-command is needed");
  }
  return keyring;
}

}  // namespace authstate::cli

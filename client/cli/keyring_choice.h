#ifndef AUTHSTATE_CLIENT_CLI_KEYRING_CHOICE_H_
#define AUTHSTATE_CLIENT_CLI_KEYRING_CHOICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keyring/keyring.h"
#include "keyring/keyring_source.h"
#include "profiles/command.h"

// For commands that need the keys of a keyring themselves.
namespace authstate::cli {

// --keyring-file and --keyring-command, and their variables. `file_help` says whose keyring it is.
std::vector<profiles::Option> DeclareKeyring(KeyringSource* source, std::string file_help);

// The keyring of these options, or of AUTHSTATE_KEYRING where neither is given, which the environment does not have any
// more afterwards; null: there is none. Fails as LoadKeyring.
absl::StatusOr<std::shared_ptr<const Keyring>> FindKeyring(KeyringSource source);
// The same for who needs one: InvalidArgument without any.
absl::StatusOr<std::shared_ptr<const Keyring>> ReadKeyring(KeyringSource source);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_KEYRING_CHOICE_H_

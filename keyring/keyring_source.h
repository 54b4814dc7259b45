#ifndef AUTHSTATE_KEYRING_KEYRING_SOURCE_H_
#define AUTHSTATE_KEYRING_KEYRING_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyring/keyring.h"

namespace authstate {

// Where a keyring comes from. At most one is filled in; with none there is no keyring.
struct KeyringSource {
  // A file that nobody but its owner can change, and that the world cannot read.
  std::string file;
  // A command of the shell that prints it: of age, sops, a cloud's key service.
  std::string command;
  // The keyring itself, as an environment variable has it. Secret.
  std::string text;

  bool given() const { return !file.empty() || !command.empty() || !text.empty(); }
};

// The environment variable of `text`. Whoever has read it wipes both (profiles::HideVariable, Wipe).
inline constexpr char kKeyringVariable[] = "AUTHSTATE_KEYRING";

// How long a command may take.
inline constexpr absl::Duration kKeyringCommandPatience = absl::Seconds(60);

// Reads it; null without a source. Fails in one line that names the source and no part of a key: NotFound or
// PermissionDenied for a file that cannot be read, or that others can; InvalidArgument for what is no keyring;
// Unavailable, or DeadlineExceeded after `patience`, when the command fails. Its standard error is this process's own.
absl::StatusOr<std::shared_ptr<const Keyring>> LoadKeyring(const KeyringSource& source,
                                                           absl::Duration patience = kKeyringCommandPatience);

// The text of a keyring file that is as LoadKeyring wants it. To be wiped by the caller.
absl::StatusOr<std::string> ReadKeyringFile(const std::string& path);

}  // namespace authstate

#endif  // AUTHSTATE_KEYRING_KEYRING_SOURCE_H_

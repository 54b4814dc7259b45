#ifndef AUTHSTATE_KEYRING_KEYRING_FILE_H_
#define AUTHSTATE_KEYRING_KEYRING_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// Changes a keyring file. Each change replaces the file in one step, with mode 0600, and is on the disk before it
// returns: a key that was told to be there, and then is lost, would take with it all that was wrapped under it. Lines
// that are not changed stay as they are, those for people too. Errors tell no part of a key.
namespace authstate {

// Makes the file with one new key, which is active. AlreadyExists when there is a file.
absl::Status InitKeyringFile(const std::string& path, absl::string_view id);

// Adds a new key, which is not active: servers have to know it before one of them wraps anything under it.
// AlreadyExists when the file has one of that id; else fails as LoadKeyring does.
absl::Status AddKeyringKey(const std::string& path, absl::string_view id);

// Makes a key of the file the active one; NotFound when it has none of that id.
absl::Status ActivateKeyringKey(const std::string& path, absl::string_view id);

// Makes none of them active: new sessions are plain.
absl::Status DeactivateKeyring(const std::string& path);

}  // namespace authstate

#endif  // AUTHSTATE_KEYRING_KEYRING_FILE_H_

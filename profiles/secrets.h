#ifndef AUTHSTATE_PROFILES_SECRETS_H_
#define AUTHSTATE_PROFILES_SECRETS_H_

#include <string>

#include "absl/strings/string_view.h"

// Keeps passwords out of what others see. Pure, but for HideSecretArguments.
namespace authstate::profiles {

// A PostgreSQL URL or conninfo string with its passwords replaced by `***`.
std::string MaskPassword(absl::string_view url);
// `***`.
std::string MaskAll(absl::string_view secret);

// Overwrites passwords in the process's own arguments, which every user of the machine sees in the process list. Until
// then they were visible: a file or the environment is the better place for them. To be called first in main.
void HideSecretArguments(int argc, char** argv);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_SECRETS_H_

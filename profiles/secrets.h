#ifndef AUTHSTATE_PROFILES_SECRETS_H_
#define AUTHSTATE_PROFILES_SECRETS_H_

#include <string>

#include "absl/strings/string_view.h"

// Keeps secrets out of what others see.
namespace authstate::profiles {

// Pure: a PostgreSQL URL or conninfo string with its passwords replaced by `***`.
std::string MaskPassword(absl::string_view url);
// Pure: `***`.
std::string MaskAll(absl::string_view secret);

// The option of authstatectl that holds a token.
inline constexpr char kTokenOption[] = "--token";

// Overwrites passwords and tokens in the process's own arguments, which every user of the machine sees in the process
// list. Until then they were visible: a file or the environment is the better place for them. To be called first in
// main.
void HideSecretArguments(int argc, char** argv);

// The same for the value of a variable in the process's own environment, which is gone from then on, also for child
// processes. Before threads are started.
void HideVariable(const char* name);

// From now on the kernel writes no core file of this process, also not through a program (core(5)), and lets no other
// process of the same user look into its memory. Not where a sanitizer has to look itself.
void KeepMemoryPrivate();

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_SECRETS_H_

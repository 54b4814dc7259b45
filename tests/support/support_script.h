#ifndef AUTHSTATE_TESTS_SUPPORT_SUPPORT_SCRIPT_H_
#define AUTHSTATE_TESTS_SUPPORT_SUPPORT_SCRIPT_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace authstate::test {

// The path of a script of this directory.
inline std::string SupportScript(absl::string_view name) { return absl::StrCat(AUTHSTATE_SUPPORT_DIR, "/", name); }

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_SUPPORT_SCRIPT_H_

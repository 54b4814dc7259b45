#include "profiles/secrets.h"

#include <regex.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "profiles/database_options.h"

namespace authstate::profiles {
namespace {

// Whether the option (`--timeweb-password`, with its dashes) may hold a password or a token.
bool IsSecret(const std::vector<Option>& options, absl::string_view name) {
  return name == kTokenOption || std::any_of(options.begin(), options.end(), [name](const Option& option) {
           return option.mask != nullptr && option.names == name;
         });
}

}  // namespace

std::string MaskPassword(absl::string_view url) {
  std::string masked(url);
  const std::size_t scheme = masked.find("://");
  if (scheme != std::string::npos) {
    const std::size_t user = scheme + 3;
    const std::size_t colon = masked.find(':', user);
    const std::size_t at = masked.rfind('@');
    if (colon != std::string::npos && at != std::string::npos && colon < at) {
      masked.replace(colon + 1, at - colon - 1, "***");
    }
  }
  // POSIX's regular expressions, as <regex> takes seconds to compile.
  regex_t parameter;
  const char* const pattern = R"re((password[[:space:]]*=[[:space:]]*)('([^'\]|\\.)*'|([^[:space:]&'\]|\\.)*))re";
  if (regcomp(&parameter, pattern, REG_EXTENDED | REG_ICASE) != 0) return MaskAll(url);
  std::string shown;
  const char* rest = masked.c_str();
  std::array<regmatch_t, 2> found{};
  while (regexec(&parameter, rest, found.size(), found.data(), 0) == 0) {
    absl::StrAppend(&shown, absl::string_view(rest, static_cast<std::size_t>(found[1].rm_eo)), "***");
    rest += found[0].rm_eo;
  }
  regfree(&parameter);
  return shown + rest;
}

std::string MaskAll(absl::string_view /*secret*/) { return "***"; }

void HideSecretArguments(int argc, char** argv) {
  DatabaseOptions unused;
  const std::vector<Option> options = DeclareDatabaseOptions(&unused);
  for (int i = 1; i < argc; ++i) {
    const char* const equals = std::strchr(argv[i], '=');
    const auto name_length = equals == nullptr ? std::strlen(argv[i]) : static_cast<std::size_t>(equals - argv[i]);
    if (!IsSecret(options, absl::string_view(argv[i], name_length))) continue;
    char* secret = equals != nullptr ? argv[i] + name_length + 1 : nullptr;
    if (secret == nullptr && i + 1 < argc) secret = argv[++i];
    if (secret != nullptr) std::memset(secret, '*', std::strlen(secret));
  }
}

void HideVariable(const char* name) {
  char* const value = std::getenv(name);
  if (value == nullptr) return;
  std::memset(value, '*', std::strlen(value));
  unsetenv(name);
}

void KeepMemoryPrivate() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace authstate::profiles

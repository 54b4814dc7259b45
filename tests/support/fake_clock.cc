#include "tests/support/fake_clock.h"

#include <glob.h>

#include <cstdio>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace authstate::test {

absl::StatusOr<std::unique_ptr<FakeClock>> FakeClock::Create() {
  // The library of Debian's package libfaketime, whatever the architecture.
  glob_t found{};
  const int result = glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, nullptr, &found);
  std::string library = result == 0 ? found.gl_pathv[0] : "";
  globfree(&found);
  if (library.empty()) return absl::NotFoundError("libfaketime is not installed; run ./dev deps test");
  std::unique_ptr<FakeClock> clock(new FakeClock(std::move(library)));
  clock->Set("+0");
  return clock;
}

std::vector<std::string> FakeClock::environment() const {
  return {absl::StrCat("LD_PRELOAD=", library_), absl::StrCat("FAKETIME_TIMESTAMP_FILE=", directory_.File("offset")),
          "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"};
}

void FakeClock::Set(absl::string_view offset) { ReplaceFile(directory_.File("offset"), offset); }

void ReplaceFile(const std::string& path, absl::string_view content) {
  const std::string draft = absl::StrCat(path, ".new");
  std::ofstream(draft) << content << '\n';
  (void)std::rename(draft.c_str(), path.c_str());
}

}  // namespace authstate::test

#ifndef AUTHSTATE_TESTS_SUPPORT_FAKE_CLOCK_H_
#define AUTHSTATE_TESTS_SUPPORT_FAKE_CLOCK_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/temp_dir.h"

namespace authstate::test {

// The system's clock as a child process sees it, by libfaketime; it can jump at any time. Clocks that do not jump are
// left alone. Outlives the process. Not thread-safe.
class FakeClock {
 public:
  // NotFound where libfaketime is not installed.
  static absl::StatusOr<std::unique_ptr<FakeClock>> Create();

  // For the environment of the process.
  std::vector<std::string> environment() const;

  // As libfaketime takes it: `+1h`, `-1h`; `+0` at first.
  void Set(absl::string_view offset);

 private:
  explicit FakeClock(std::string library) : library_(std::move(library)) {}

  const std::string library_;
  TempDir directory_;
};

// Writes the file whole or not at all, as its readers may look at any time.
void ReplaceFile(const std::string& path, absl::string_view content);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_FAKE_CLOCK_H_

#ifndef AUTHSTATE_TESTS_SUPPORT_TEMP_DIR_H_
#define AUTHSTATE_TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

#include "absl/strings/string_view.h"

namespace authstate::test {

// A directory of one test, made with mode 0755 (so that a server under another user can enter it) below TMPDIR or /tmp,
// and removed with all it holds by the destructor. Ends the process when it cannot be made. Thread-safe.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // The path of `name` within it.
  std::string File(absl::string_view name) const;

 private:
  std::string path_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_TEMP_DIR_H_

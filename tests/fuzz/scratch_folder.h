#ifndef AUTHSTATE_TESTS_FUZZ_SCRATCH_FOLDER_H_
#define AUTHSTATE_TESTS_FUZZ_SCRATCH_FOLDER_H_

#include <string>

#include "absl/strings/string_view.h"

namespace authstate::fuzz {

// A folder for what is read from files, in memory where the system has such a place; gone when the process ends by
// itself. Not thread-safe.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // Writes a file, in place of the one of that name if there is one. False where the system has no file of such a name.
  bool Write(absl::string_view name, absl::string_view bytes) const;
  // Deletes what is in it.
  void Empty() const;

 private:
  std::string path_;
};

}  // namespace authstate::fuzz

#endif  // AUTHSTATE_TESTS_FUZZ_SCRATCH_FOLDER_H_

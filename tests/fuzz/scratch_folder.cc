#include "tests/fuzz/scratch_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr char kInMemory[] = "/dev/shm";
constexpr mode_t kMode = 0600;

}  // namespace

ScratchFolder::ScratchFolder() {
  std::error_code error;
  const fs::path place = fs::is_directory(kInMemory, error) ? fs::path(kInMemory) : fs::temp_directory_path();
  path_ = place / "authstate-fuzz.XXXXXX";
  Hold(mkdtemp(path_.data()) != nullptr, "there is room for a folder");
}

ScratchFolder::~ScratchFolder() {
  std::error_code error;
  fs::remove_all(path_, error);
}

bool ScratchFolder::Write(absl::string_view name, absl::string_view bytes) const {
  const int file = open(absl::StrCat(path_, "/", name).c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, kMode);
  if (file < 0) return false;
  const ssize_t written = write(file, bytes.data(), bytes.size());
  close(file);
  Hold(written == static_cast<ssize_t>(bytes.size()), "there is room for a file");
  return true;
}

void ScratchFolder::Empty() const {
  for (const fs::directory_entry& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
}

}  // namespace authstate::fuzz

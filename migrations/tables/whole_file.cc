#include "migrations/tables/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "storage/absolute_path.h"

namespace authstate::tables {

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, storage::AbsolutePath(path));
  const absl::Cleanup close_file = [file] { close(file); };
  std::string text;
  std::array<char, 1 << 16> part{};
  while (true) {
    const ssize_t got = read(file, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, storage::AbsolutePath(path));
    if (got == 0) return text;
    text.append(part.data(), static_cast<std::size_t>(got));
  }
}

absl::Status WriteWhole(const std::string& path, absl::string_view text) {
  const std::string aside = absl::StrCat(path, ".new");
  const int file = open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR | S_IRGRP);
  bool written = file >= 0;
  while (written && !text.empty()) {
    const ssize_t some = write(file, text.data(), text.size());
    written = some > 0;
    if (written) text.remove_prefix(static_cast<std::size_t>(some));
  }
  written = written && fsync(file) == 0;
  const int reason = errno;
  if (file >= 0) close(file);
  if (written && std::rename(aside.c_str(), path.c_str()) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(written ? errno : reason, storage::AbsolutePath(path));
}

}  // namespace authstate::tables

#include "client/cli/backup/backup_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "client/cli/folder/file_io.h"

namespace authstate::cli {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kPrefix = "authstate-";
constexpr absl::string_view kSuffix = ".backup";
constexpr absl::string_view kUnfinished = ".unfinished-";

absl::Status FromErrorCode(absl::string_view what, const std::error_code& error) {
  errno = error.value();
  return SystemError(what);
}

std::string NameOf(const BackupHeader& header) {
  return absl::StrCat(kPrefix, absl::StrFormat("%06d-", header.number),
                      absl::FormatTime("%Y%m%dT%H%M%SZ", header.create_time, absl::UTCTimeZone()), kSuffix);
}

// The number of the backup in a file's name; 0 when NameOf makes no such name.
std::uint64_t NumberIn(absl::string_view name) {
  std::uint64_t number = 0;
  if (!absl::ConsumePrefix(&name, kPrefix)) return 0;
  return absl::SimpleAtoi(name.substr(0, name.find('-')), &number) ? number : 0;
}

void AddFile(const fs::directory_entry& entry, BackupListing* list) {
  std::error_code ignored;
  const std::string path = entry.path().string();
  absl::StatusOr<BackupOutline> outline = ReadBackupOutline(path);
  if (!outline.ok() && !fs::exists(path, ignored)) return;  // Pruned just now.
  const std::uint64_t number =
      std::max(NumberIn(entry.path().filename().string()), outline.ok() ? outline->header.number : 0);
  list->next_number = std::max(list->next_number, number + 1);
  if (outline.ok()) {
    list->files.push_back({path, std::move(outline->header), entry.file_size(ignored), outline->has_end});
  } else {
    list->unreadable.push_back({entry.path().filename().string(), std::string(outline.status().message())});
  }
}

}  // namespace

absl::StatusOr<BackupListing> ListBackups(const std::string& folder) {
  std::error_code error;
  BackupListing list;
  std::vector<std::pair<std::uintmax_t, std::string>> unfinished;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    std::error_code ignored;
    if (absl::StartsWith(name, kUnfinished)) {
      unfinished.emplace_back(entry->file_size(ignored), entry->path().string());
    } else if (absl::EndsWith(name, kSuffix)) {
      AddFile(*entry, &list);
    }
  }
  if (error) return FromErrorCode(absl::StrCat(folder, " cannot be read"), error);
  std::sort(list.files.begin(), list.files.end(), [](const BackupFile& a, const BackupFile& b) {
    return std::tie(a.header.number, a.path) < std::tie(b.header.number, b.path);
  });
  std::sort(unfinished.rbegin(), unfinished.rend());
  for (auto& file : unfinished) list.unfinished.push_back(std::move(file.second));
  return list;
}

absl::StatusOr<std::string> FindBackup(const std::string& path) {
  const absl::StatusOr<std::vector<std::string>> files = FindBackups(path);
  if (!files.ok()) return files.status();
  return files->front();
}

absl::StatusOr<std::vector<std::string>> FindBackups(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<std::string>{path};
  const absl::StatusOr<BackupListing> list = ListBackups(path);
  if (!list.ok()) return list.status();
  const std::string newest = list->files.empty() ? "" : fs::path(list->files.back().path).filename().string();
  for (const FolderProblem& file : list->unreadable) {
    // An older one would be taken for the newest.
    if (file.file > newest) return absl::DataLossError(absl::StrCat(file.reason, "; name a file, to take another one"));
  }
  std::vector<std::string> files;
  for (auto file = list->files.rbegin(); file != list->files.rend(); ++file) files.push_back(file->path);
  if (files.empty()) return absl::NotFoundError(absl::StrCat(path, " has no backup"));
  return files;
}

absl::StatusOr<BackupFolderLock> BackupFolderLock::Take(const std::string& folder) {
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return SystemError(absl::StrCat(folder, " cannot be made"));
  }
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(absl::StrCat(folder, " cannot be opened"));
  BackupFolderLock lock(folder, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return SystemError(absl::StrCat(folder, " cannot be locked"));
  return absl::FailedPreconditionError(absl::StrCat("another authstatectl is at work in ", folder));
}

BackupFolderLock::BackupFolderLock(BackupFolderLock&& other) noexcept
    : folder_(std::move(other.folder_)), fd_(std::exchange(other.fd_, -1)) {}

BackupFolderLock::~BackupFolderLock() {
  if (fd_ >= 0) close(fd_);
}

absl::Status BackupFolderLock::Delete(const std::string& path) const {
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : SystemError(absl::StrCat(path, " cannot be deleted"));
}

absl::Status BackupFolderLock::Sync() const {
  return fsync(fd_) == 0 ? absl::OkStatus() : SystemError(absl::StrCat(folder_, " cannot be made durable"));
}

absl::StatusOr<UnfinishedBackup> UnfinishedBackup::Create(const std::string& folder) {
  std::string path = absl::StrCat(folder, "/", kUnfinished, "XXXXXX");
  const int fd = mkostemp(path.data(), O_CLOEXEC);
  if (fd < 0) return SystemError(absl::StrCat("no file can be made in ", folder));
  return UnfinishedBackup(folder, std::move(path), fd);
}

UnfinishedBackup::UnfinishedBackup(UnfinishedBackup&& other) noexcept
    : folder_(std::move(other.folder_)), path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

UnfinishedBackup::~UnfinishedBackup() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<std::string> UnfinishedBackup::Publish(const BackupHeader& header) {
  std::string name = absl::StrCat(folder_, "/", NameOf(header));
  int failed = renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, name.c_str(), RENAME_NOREPLACE);
  if (failed != 0 && (errno == EINVAL || errno == ENOSYS)) {
    // As on NFS. A second name is never given to what is there, either.
    failed = link(path_.c_str(), name.c_str());
    // Where that fails, the first name goes with the next run.
    if (failed == 0) (void)unlink(path_.c_str());
  }
  if (failed == 0) return name;
  return SystemError(absl::StrCat(name, " cannot be given its name"));
}

}  // namespace authstate::cli

#include "storage/sqlite/store_copy.h"

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/file_backend.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {
namespace {

// No name of a copy begins with a dot.
constexpr char kUnfinished[] = ".unfinished.db";
constexpr int kPagesAStep = 256;
// A commit that syncs the log waits for what of the copy is on its way to the same disk: this much at most.
constexpr std::uint64_t kUnsyncedBytes = std::uint64_t{8} << 20;
// What a copy leaves on its disk, which may be the store's.
constexpr std::uint64_t kSpareBytes = std::uint64_t{64} << 20;
// Of SQLite's machine, between two looks whether the check is still wanted.
constexpr int kStepsOfCheck = 100'000;

absl::Status Cancelled() {
  return Error(absl::StatusCode::kCancelled, kCopyCancelled, "the copy was given up, and nothing is left of it");
}

absl::Status Exists(const std::string& name) {
  return Error(absl::StatusCode::kAlreadyExists, kCopyExists,
               absl::StrCat(name, " exists in the folder of copies, and is not replaced"));
}

absl::Status NotWritten(absl::string_view why) {
  return Error(absl::StatusCode::kUnavailable, kCopyNotWritten, absl::StrCat("the copy was not made: ", why));
}

absl::Status SystemError(int error, absl::string_view what) {
  if (error == ENOSPC || error == EDQUOT) {
    return Error(absl::StatusCode::kResourceExhausted, kDiskFull, "the disk of the folder of copies is full");
  }
  return NotWritten(absl::ErrnoToStatus(error, what).message());
}

// The folder, which is locked: one copy at a time is made in it, by whatever server.
class CopyFolder {
 public:
  static absl::StatusOr<CopyFolder> Open(const std::string& path) {
    const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return Unusable(errno, path);
    CopyFolder folder(path, fd);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return folder;
    if (errno != EWOULDBLOCK) return Unusable(errno, path);
    return Error(absl::StatusCode::kAborted, kSwitchUnderWay, "another server makes a copy in the same folder");
  }
  CopyFolder(CopyFolder&& other) noexcept : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  CopyFolder& operator=(CopyFolder&&) = delete;
  ~CopyFolder() {
    if (fd_ >= 0) close(fd_);
  }

  std::string PathOf(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

  bool Has(const std::string& name) const {
    struct stat found {};
    return fstatat(fd_, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0;
  }

  absl::Status CheckRoomFor(std::uint64_t bytes) const {
    struct statvfs disk {};
    if (fstatvfs(fd_, &disk) != 0) return SystemError(errno, path_);
    const std::uint64_t room = std::uint64_t{disk.f_bavail} * disk.f_frsize;
    if (room >= bytes + kSpareBytes) return absl::OkStatus();
    return Error(absl::StatusCode::kResourceExhausted, kDiskFull,
                 absl::StrCat("the folder of copies has ", room, " bytes free, and a copy takes ", bytes,
                              " and leaves ", kSpareBytes));
  }

  // A new, empty file for its owner alone, in the place of what an earlier copy has left. The descriptor is the
  // caller's.
  absl::StatusOr<int> MakeUnfinished() const {
    RemoveUnfinished();
    const int file = openat(fd_, kUnfinished, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) return SystemError(errno, PathOf(kUnfinished));
    return file;
  }
  void RemoveUnfinished() const { (void)unlinkat(fd_, kUnfinished, 0); }

  absl::Status Finish(const std::string& name) const {
    if (renameat2(fd_, kUnfinished, fd_, name.c_str(), RENAME_NOREPLACE) != 0) {
      return errno == EEXIST ? Exists(name) : SystemError(errno, PathOf(name));
    }
    return fsync(fd_) == 0 ? absl::OkStatus() : SystemError(errno, path_);
  }

 private:
  CopyFolder(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  static absl::Status Unusable(int error, const std::string& path) {
    return Error(absl::StatusCode::kFailedPrecondition, kNoCopyFolder,
                 absl::StrCat("the folder of copies cannot be used: ", absl::ErrnoToStatus(error, path).message()));
  }

  const std::string path_;
  int fd_;
};

// A connection to the file that is being made, which nobody else knows. Should it not be finished it is thrown away, so
// it takes neither a journal nor syncs of SQLite's.
SQLite::Database OpenUnfinished(const std::string& path) {
  SQLite::Database copy(path, SQLite::OPEN_READWRITE);
  copy.exec("PRAGMA locking_mode = EXCLUSIVE");
  copy.exec("PRAGMA journal_mode = OFF");
  copy.exec("PRAGMA synchronous = OFF");
  return copy;
}

absl::Status CopyPages(SQLite::Database& from, SQLite::Database& to, int file, std::uint64_t bytes,
                       std::uint64_t page_bytes, const CopyRequest& request) {
  SQLite::Backup backup(to, from);
  std::uint64_t synced = 0;
  while (true) {
    const int step = backup.executeStep(kPagesAStep);
    const std::uint64_t copied = bytes - static_cast<std::uint64_t>(backup.getRemainingPageCount()) * page_bytes;
    request.progress({copied, bytes, /*checking=*/false});
    if (request.cancelled()) return Cancelled();
    if (step == SQLITE_DONE) return absl::OkStatus();
    if (step != SQLITE_OK) return NotWritten(absl::StrCat("SQLite: ", sqlite3_errstr(step)));
    if (copied - synced < kUnsyncedBytes) continue;
    if (fdatasync(file) != 0) return SystemError(errno, "the copy cannot be made durable");
    synced = copied;
  }
}

absl::Status Check(SQLite::Database& copy, const CopyRequest& request) {
  sqlite3_progress_handler(
      copy.getHandle(), kStepsOfCheck,
      [](void* asked) { return (*static_cast<const std::function<bool()>*>(asked))() ? 1 : 0; },
      const_cast<std::function<bool()>*>(&request.cancelled));  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  SQLite::Statement check(copy, "PRAGMA quick_check(1)");
  if (check.executeStep() && check.getColumn(0).getString() == "ok") return absl::OkStatus();
  return Error(absl::StatusCode::kDataLoss, kCorruptValue,
               "the copy is not sound, so either the store is not, or the disk of the copy; authstatectl store verify "
               "tells of the first");
}

}  // namespace

absl::StatusOr<CopyReport> CopySqliteStore(const std::string& store, const std::string& folder,
                                           const CopyRequest& request) {
  const absl::StatusOr<CopyFolder> place = CopyFolder::Open(folder);
  if (!place.ok()) return place.status();
  if (place->Has(request.name)) return Exists(request.name);
  const absl::StatusOr<int> file = place->MakeUnfinished();
  if (!file.ok()) return file.status();
  const absl::Cleanup close_file = [&] { close(*file); };
  absl::Cleanup remove = [&] { place->RemoveUnfinished(); };

  CopyReport report;
  report.path = place->PathOf(request.name);
  const absl::Status copied = CatchSqlite([&]() -> absl::Status {
    report.time = absl::Now();
    SqliteConnection source(store, SqliteConnection::Mode::kReadOnly);
    Run(source.Prepare(sql::kBegin));
    SignOfLife(source);
    // It has opened the file by its name: another one may bear that.
    if (absl::Status in_place = request.in_place(); !in_place.ok()) return in_place;
    const auto page_bytes = static_cast<std::uint64_t>(source.database().execAndGet("PRAGMA page_size").getInt64());
    const auto pages = static_cast<std::uint64_t>(source.database().execAndGet("PRAGMA page_count").getInt64());
    report.bytes = pages * page_bytes;
    if (absl::Status room = place->CheckRoomFor(report.bytes); !room.ok()) return room;
    SQLite::Database copy = OpenUnfinished(place->PathOf(kUnfinished));
    absl::Status status = CopyPages(source.database(), copy, *file, report.bytes, page_bytes, request);
    if (!status.ok()) return status;
    source.RollBackQuietly();
    // The head of the file says that there is a log, as of the store it was copied from; this takes it back.
    copy.exec("PRAGMA journal_mode = OFF");
    request.progress({report.bytes, report.bytes, /*checking=*/true});
    return Check(copy, request);
  });
  if (request.cancelled()) return Cancelled();
  // What SQLite says of the copy is not said of the database. A full disk and a damaged store keep their reasons.
  const bool of_copy = ReasonOf(copied) == kDatabaseUnavailable || ReasonOf(copied) == kDatabaseError;
  if (!copied.ok()) return of_copy ? NotWritten(copied.message()) : copied;
  if (fsync(*file) != 0) return SystemError(errno, "the copy cannot be made durable");
  if (absl::Status finished = place->Finish(request.name); !finished.ok()) return finished;
  std::move(remove).Cancel();
  return report;
}

}  // namespace authstate::storage

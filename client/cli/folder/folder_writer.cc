#include "client/cli/folder/folder_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/file_io.h"
#include "client/cli/folder/file_name.h"
#include "contract/codec.h"

namespace authstate::cli {
namespace {

namespace fs = std::filesystem;

// The limit of every file system in common use.
constexpr std::size_t kMaxFileNameBytes = 255;

absl::Status FromErrorCode(absl::string_view what, const std::error_code& error) {
  errno = error.value();
  return SystemError(what);
}

// Whether the target may be written: it is absent, empty, or may be replaced.
absl::Status CheckTarget(const fs::path& target, bool replace) {
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::not_found) return absl::OkStatus();
  if (status.type() != fs::file_type::directory) {
    return absl::FailedPreconditionError(absl::StrCat(target.string(), " is not a folder"));
  }
  fs::directory_iterator entries(target, error);
  if (error) return FromErrorCode(absl::StrCat(target.string(), " cannot be read"), error);
  for (const fs::directory_entry& entry : entries) {
    if (!replace) {
      return absl::FailedPreconditionError(absl::StrCat(target.string(), " is not empty; --force replaces it"));
    }
    if (entry.path().extension() != ".json" || !entry.is_regular_file(error)) {
      return absl::FailedPreconditionError(absl::StrCat(target.string(), " holds more than the files of a session (",
                                                        entry.path().filename().string(), "); it is not replaced"));
    }
  }
  return absl::OkStatus();
}

absl::Status Sync(const fs::path& path, int (*sync)(int)) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return SystemError(absl::StrCat(path.string(), " cannot be opened"));
  const absl::Cleanup close_folder = [fd] { close(fd); };
  return sync(fd) == 0 ? absl::OkStatus() : SystemError(absl::StrCat(path.string(), " cannot be made durable"));
}

}  // namespace

absl::StatusOr<FolderWriter> FolderWriter::Create(const std::string& target, bool replace) {
  std::error_code error;
  fs::path path = fs::absolute(target, error);
  if (!error) path = fs::weakly_canonical(path, error);
  if (error) return FromErrorCode(absl::StrCat(target, " cannot be resolved"), error);
  if (!path.has_filename()) path = path.parent_path();
  const absl::Status status = CheckTarget(path, replace);
  if (!status.ok()) return status;
  std::string staging = absl::StrCat(path.parent_path().string(), "/.", path.filename().string(), ".XXXXXX");
  if (mkdtemp(staging.data()) == nullptr) {
    return SystemError(absl::StrCat("no folder can be made in ", path.parent_path().string()));
  }
  return FolderWriter(path.string(), std::move(staging), replace);
}

FolderWriter::FolderWriter(std::string target, std::string staging, bool replace)
    : target_(std::move(target)), staging_(std::move(staging)), replace_(replace) {}

FolderWriter::FolderWriter(FolderWriter&& other) noexcept
    : target_(std::move(other.target_)),
      staging_(std::exchange(other.staging_, std::string())),
      replace_(other.replace_),
      names_(std::move(other.names_)) {}

FolderWriter::~FolderWriter() {
  std::error_code ignored;
  if (!staging_.empty()) fs::remove_all(staging_, ignored);
}

absl::Status FolderWriter::AddCreds(const Value& creds) {
  const absl::Status status = WriteNewFile(absl::StrCat(staging_, "/", kCredsFileName), ToBufferJson(creds));
  return status.ok() ? status : absl::Status(status.code(), absl::StrCat("creds.json ", status.message()));
}

absl::Status FolderWriter::AddKey(const client::KeyEntry& entry) {
  const std::string file = ToFileName(entry.name);
  const std::string shown = absl::StrCat("key ", entry.name.type, " ", entry.name.id);
  if (file.size() > kMaxFileNameBytes) {
    return absl::FailedPreconditionError(absl::StrCat(shown, " has a name too long for a file"));
  }
  const auto [other, is_new] = names_.emplace(file, entry.name);
  if (!is_new) {
    return absl::FailedPreconditionError(absl::StrCat("the keys ", other->second.type, " ", other->second.id, " and ",
                                                      entry.name.type, " ", entry.name.id, " would share the file ",
                                                      file, "; a folder cannot hold both"));
  }
  const absl::Status status = WriteNewFile(absl::StrCat(staging_, "/", file), ToBufferJson(entry.value));
  return status.ok() ? status : absl::Status(status.code(), absl::StrCat(file, " ", status.message()));
}

absl::Status FolderWriter::Publish() {
  absl::Status status = Sync(staging_, syncfs);
  if (!status.ok()) return status;
  status = TakePlace();
  if (!status.ok()) return status;
  // After an exchange this is the folder that was replaced.
  std::error_code error;
  fs::remove_all(staging_, error);
  staging_.clear();
  return Sync(fs::path(target_).parent_path(), fsync);
}

absl::Status FolderWriter::TakePlace() const {
  // Takes the place of nothing, or of an empty folder, and of nothing else.
  if (std::rename(staging_.c_str(), target_.c_str()) == 0) return absl::OkStatus();
  const bool occupied = errno == ENOTEMPTY || errno == EEXIST;
  if (!occupied || !replace_) return SystemError(absl::StrCat(target_, " cannot be written"));
  absl::Status status = CheckTarget(target_, replace_);
  if (!status.ok()) return status;
  if (renameat2(AT_FDCWD, staging_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) == 0) return absl::OkStatus();
  return SystemError(absl::StrCat(target_, " cannot be replaced in one step; export to a new folder"));
}

}  // namespace authstate::cli

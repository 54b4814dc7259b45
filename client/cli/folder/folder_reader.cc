#include "client/cli/folder/folder_reader.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/folder/file_io.h"

namespace authstate::cli {
namespace {

// Far above the text of a value at its limit, also when its Buffers are in array form.
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

constexpr absl::string_view kFile = "file";
constexpr absl::string_view kSuffix = ".json";
constexpr absl::string_view kBackupSuffix = ".json.bak";
constexpr absl::string_view kCredsBackupName = "creds.json.bak";

// What changes when a file is written or replaced.
struct FileVersion {
  ino_t inode = 0;
  off_t bytes = 0;
  std::int64_t modified_seconds = 0;
  std::int64_t modified_nanoseconds = 0;

  friend bool operator==(const FileVersion& a, const FileVersion& b) {
    return a.inode == b.inode && a.bytes == b.bytes && a.modified_seconds == b.modified_seconds &&
           a.modified_nanoseconds == b.modified_nanoseconds;
  }
};

// The entries of a folder, `.` and `..` left out. An entry that vanished or cannot be looked at has a default version.
using Listing = std::map<std::string, FileVersion>;

absl::StatusOr<Listing> List(const std::string& path) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) return SystemError(absl::StrCat(path, " cannot be opened"));
  const absl::Cleanup close_directory = [directory] { closedir(directory); };
  Listing listing;
  while (true) {
    errno = 0;
    // One thread reads this stream.
    const dirent* const entry = readdir(directory);  // NOLINT(concurrency-mt-unsafe)
    if (entry == nullptr) break;
    const std::string name = static_cast<const char*>(entry->d_name);
    if (name == "." || name == "..") continue;
    struct stat facts {};
    FileVersion version;
    if (lstat(absl::StrCat(path, "/", name).c_str(), &facts) == 0) {
      version = {facts.st_ino, facts.st_size, facts.st_mtim.tv_sec, facts.st_mtim.tv_nsec};
    }
    listing.emplace(name, version);
  }
  if (errno != 0) return SystemError(absl::StrCat(path, " cannot be read"));
  return listing;
}

// Whether an older value of this type would use message keys again that its owner has used, which peers reject.
bool IsRatchet(absl::string_view type) { return type == "session" || type == "sender-key"; }

bool IsUsable(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadFile(path, kMaxFileBytes, Links::kRefused);
  const absl::StatusOr<Value> value = text.ok() ? ParseEntry(*text) : text.status();
  if (!value.ok()) return false;
  FolderBuilder builder(/*skip_torn=*/false);
  builder.AddCreds(kCredsFileName, value);
  return std::move(builder).Finish(path, kFile).ok();
}

// Reads one folder, file by file.
class Reading {
 public:
  Reading(const std::string& path, const FolderRules& rules, const Listing& listing)
      : path_(path), rules_(rules), listing_(listing), builder_(rules.skip_torn) {}

  void Take(const std::string& file, const FileVersion& version) {
    builder_.folder().written = std::max(builder_.folder().written, absl::FromUnixSeconds(version.modified_seconds));
    if (absl::EndsWith(file, kSuffix)) {
      if (file != kCredsFileName) return TakeKey(file, file);
      if (rules_.with_creds) TakeCreds();
      return;
    }
    const absl::string_view stem = absl::StripSuffix(file, kBackupSuffix);
    const std::string main = absl::StrCat(stem, kSuffix);
    const bool stands_in = stem.size() < file.size() && main != kCredsFileName && listing_.count(main) == 0;
    if (!stands_in) return builder_.folder().ignored.push_back(file);
    builder_.folder().from_backup.push_back(main);
    TakeKey(main, file);
  }

  void CompareWith(const Listing& after) {
    const auto changed = [this](const std::string& file) {
      builder_.Refuse(file, "was written while the folder was read: stop the program that uses it");
    };
    for (const auto& [file, version] : listing_) {
      const auto found = after.find(file);
      if (found == after.end() || !(found->second == version)) changed(file);
    }
    for (const auto& [file, version] : after) {
      if (listing_.count(file) == 0) changed(file);
    }
  }

  absl::StatusOr<Folder> Finish() && { return std::move(builder_).Finish(path_, kFile); }

 private:
  absl::StatusOr<Value> Read(const std::string& file) const {
    const absl::StatusOr<std::string> text = ReadFile(absl::StrCat(path_, "/", file), kMaxFileBytes, Links::kRefused);
    return text.ok() ? ParseEntry(*text) : text.status();
  }

  void TakeCreds() {
    const absl::StatusOr<Value> creds = Read(std::string(kCredsFileName));
    if (creds.ok()) return builder_.AddCreds(kCredsFileName, creds);
    builder_.Refuse(kCredsFileName, absl::StrCat(creds.status().message(), CredsBackupHint(path_)));
  }

  // The key that `name` names, out of `file`.
  void TakeKey(const std::string& name, const std::string& file) {
    absl::StatusOr<client::KeyName> key = FromFileName(name, rules_.names);
    if (!key.ok()) return builder_.Refuse(file, key.status().message());
    absl::StatusOr<Value> value = Read(file);
    if (!value.ok() && rules_.skip_torn && file == name && !IsRatchet(key->type)) {
      absl::StatusOr<Value> backup = Read(absl::StrCat(absl::StripSuffix(name, kSuffix), kBackupSuffix));
      if (backup.ok()) {
        value = std::move(backup);
        builder_.folder().from_backup.push_back(name);
      }
    }
    builder_.AddKey(file, *std::move(key), std::move(value));
  }

  const std::string& path_;
  const FolderRules& rules_;
  const Listing& listing_;
  FolderBuilder builder_;
};

}  // namespace

std::string CredsBackupHint(const std::string& path) {
  if (!IsUsable(absl::StrCat(path, "/", kCredsBackupName))) return "";
  return absl::StrCat("; a whole ", kCredsBackupName,
                      " stands beside it: if it is not older than the keys, put it in its place");
}

absl::StatusOr<Folder> ReadFolder(const std::string& path, const FolderRules& rules,
                                  absl::FunctionRef<absl::Status(std::size_t done, std::size_t total)> on_file) {
  const absl::StatusOr<Listing> before = List(path);
  if (!before.ok()) return before.status();
  Reading reading(path, rules, *before);
  std::size_t done = 0;
  for (const auto& [file, version] : *before) {
    reading.Take(file, version);
    const absl::Status go_on = on_file(++done, before->size());
    if (!go_on.ok()) return go_on;
  }
  const absl::StatusOr<Listing> after = List(path);
  if (!after.ok()) return after.status();
  reading.CompareWith(*after);
  return std::move(reading).Finish();
}

}  // namespace authstate::cli

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
#include "client/cli/folder/byte_fields.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/folder/file_io.h"
#include "client/cli/terminal/folder_problem.h"
#include "client/cli/terminal/text.h"
#include "contract/codec.h"
#include "contract/limits.h"

namespace authstate::cli {
namespace {

// Far above the text of a value at its limit, also when its Buffers are in array form.
constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

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

// The value in a file's text, within the limits.
absl::StatusOr<Value> ParseFile(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  absl::StatusOr<Value> value = ParseBufferJson(text);
  if (!value.ok()) return value;
  if (value->bytes.size() > kMaxValueBytes) {
    return absl::InvalidArgumentError(absl::StrCat("its value has more than ", kMaxValueBytes, " bytes"));
  }
  // useMultiFileAuthState deletes the file instead.
  if (value->kind == ValueKind::kJson && value->bytes == "null") return absl::InvalidArgumentError("holds null");
  return value;
}

absl::Status TakeCreds(Value creds, Folder* folder) {
  if (std::optional<Value> unwrapped = UnwrapCreds(creds)) {
    creds = *std::move(unwrapped);
    folder->creds_unwrapped = true;
  }
  if (!IsCredsObject(creds)) return absl::InvalidArgumentError("creds must be a JSON object");
  if (MendByteFields(kCredsType, &creds)) folder->mended.emplace_back(kCredsFileName);
  if (const absl::Status works = CheckCreds(creds); !works.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(works.message(), ": Baileys cannot work with these creds"));
  }
  folder->creds = std::move(creds);
  return absl::OkStatus();
}

// Reads one file into `folder`.
absl::Status ReadEntry(const std::string& path, const std::string& file, const FileNameRules& rules, Folder* folder) {
  const bool is_creds = file == kCredsFileName;
  absl::StatusOr<client::KeyName> name = is_creds ? client::KeyName() : FromFileName(file, rules);
  if (!name.ok()) return name.status();
  const absl::StatusOr<std::string> text = ReadFile(absl::StrCat(path, "/", file), kMaxFileBytes, Links::kRefused);
  if (!text.ok()) return text.status();
  absl::StatusOr<Value> value = ParseFile(*text);
  if (!value.ok()) return value.status();
  if (is_creds) return TakeCreds(*std::move(value), folder);
  if (MendByteFields(name->type, &*value)) folder->mended.push_back(file);
  folder->keys.push_back({*std::move(name), *std::move(value)});
  return absl::OkStatus();
}

void CompareListings(const Listing& before, const Listing& after, std::vector<FolderProblem>* problems) {
  const auto changed = [problems](const std::string& file) {
    problems->push_back({file, "was written while the folder was read: stop the program that uses it"});
  };
  for (const auto& [file, version] : before) {
    const auto found = after.find(file);
    if (found == after.end() || !(found->second == version)) changed(file);
  }
  for (const auto& [file, version] : after) {
    if (before.count(file) == 0) changed(file);
  }
}

}  // namespace

absl::StatusOr<Folder> ReadFolder(const std::string& path, const FileNameRules& rules, bool with_creds,
                                  absl::FunctionRef<absl::Status(std::size_t done, std::size_t total)> on_file) {
  const absl::StatusOr<Listing> before = List(path);
  if (!before.ok()) return before.status();
  Folder folder;
  std::vector<FolderProblem> problems;
  std::size_t done = 0;
  for (const auto& [file, version] : *before) {
    if (!absl::EndsWith(file, ".json")) {
      folder.ignored.push_back(file);
    } else if (file == kCredsFileName && !with_creds) {
      // The keys alone are wanted, as from a folder whose creds are damaged.
    } else if (const absl::Status status = ReadEntry(path, file, rules, &folder); !status.ok()) {
      problems.push_back({file, std::string(status.message())});
    }
    const absl::Status go_on = on_file(++done, before->size());
    if (!go_on.ok()) return go_on;
  }
  const absl::StatusOr<Listing> after = List(path);
  if (!after.ok()) return after.status();
  CompareListings(*before, *after, &problems);
  if (!problems.empty()) {
    const absl::string_view verb = problems.size() == 1 ? " stands" : " stand";
    return FolderProblemsError(
        absl::StrCat(Count(problems.size(), "file"), " of ", path, verb, " in the way; nothing was changed"), problems);
  }
  std::sort(folder.keys.begin(), folder.keys.end(),
            [](const client::KeyEntry& a, const client::KeyEntry& b) { return a.name < b.name; });
  return folder;
}

}  // namespace authstate::cli

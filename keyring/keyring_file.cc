#include "keyring/keyring_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "keyring/keyring.h"
#include "keyring/keyring_source.h"

namespace authstate {
namespace {

constexpr absl::string_view kHead =
    "# Keys of authstate. Whoever has this file and the database can read every session; without it nobody can.\n";

absl::Status CheckId(absl::string_view id) {
  if (IsKeyringId(id)) return absl::OkStatus();
  return absl::InvalidArgumentError("an id has 1 to 32 characters of A-Z a-z 0-9 . _ -");
}

absl::Status Sync(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, " cannot be opened"));
  const bool synced = fsync(file) == 0;
  const int error = errno;
  close(file);
  return synced ? absl::OkStatus() : absl::ErrnoToStatus(error, absl::StrCat(path, " cannot be written to the disk"));
}

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteNew(const std::string& path, absl::string_view text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, " cannot be made"));
  const absl::Cleanup close_file = [file] { close(file); };
  while (!text.empty()) {
    const ssize_t written = write(file, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, " cannot be written"));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

// `replace`: whether a file that is there gives way; AlreadyExists otherwise.
absl::Status Store(const std::string& path, absl::string_view text, bool replace) {
  const std::string fresh = absl::StrCat(path, ".", getpid(), ".new");
  absl::Status stored = WriteNew(fresh, text);
  if (stored.ok()) stored = Sync(fresh, O_RDONLY);
  if (stored.ok() && replace && std::rename(fresh.c_str(), path.c_str()) != 0) {
    stored = absl::ErrnoToStatus(errno, absl::StrCat(path, " cannot be replaced"));
  }
  if (stored.ok() && !replace && link(fresh.c_str(), path.c_str()) != 0) {
    stored = absl::ErrnoToStatus(errno, absl::StrCat(path, " cannot be made"));
  }
  if (!replace || !stored.ok()) (void)unlink(fresh.c_str());
  return stored.ok() ? Sync(FolderOf(path), O_RDONLY | O_DIRECTORY) : stored;
}

struct OpenedFile {
  std::string text;
  std::shared_ptr<const Keyring> keyring;
};

absl::StatusOr<OpenedFile> Open(const std::string& path) {
  const auto named = [&path](const absl::Status& status) {
    return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
  };
  absl::StatusOr<std::string> text = ReadKeyringFile(path);
  if (!text.ok()) return named(text.status());
  auto keyring = Keyring::Parse(*text);
  if (keyring.ok()) return OpenedFile{*std::move(text), *std::move(keyring)};
  Wipe(&*text);
  return named(keyring.status());
}

// Puts `choice` in the place of the line that says which key is active.
absl::Status Choose(const std::string& path, OpenedFile opened, absl::string_view choice) {
  std::string text;
  // At once, so that no copy is left behind as it grows.
  text.reserve(opened.text.size() + choice.size());
  const absl::Cleanup wipe = [&] {
    Wipe(&opened.text);
    Wipe(&text);
  };
  // A divider stays with the line before it, and a semicolon in a comment is none.
  absl::string_view left = opened.text;
  while (!left.empty()) {
    const bool comment = absl::StartsWith(absl::StripLeadingAsciiWhitespace(left), "#");
    const std::size_t end = std::min(left.find_first_of(comment ? "\n" : "\n;"), left.size());
    const std::vector<absl::string_view> words =
        absl::StrSplit(left.substr(0, end), absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (!words.empty() && (words[0] == "active" || words[0] == "plain")) {
      absl::StrAppend(&text, choice);
    } else {
      absl::StrAppend(&text, left.substr(0, end));
    }
    absl::StrAppend(&text, left.substr(end, end < left.size() ? 1 : 0));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return Store(path, text, /*replace=*/true);
}

}  // namespace

absl::Status InitKeyringFile(const std::string& path, absl::string_view id) {
  if (absl::Status checked = CheckId(id); !checked.ok()) return checked;
  std::string line = NewKeyringLine(id);
  std::string text = absl::StrCat(kHead, "active ", id, "\n", line);
  const absl::Cleanup wipe = [&line, &text] {
    Wipe(&line);
    Wipe(&text);
  };
  return Store(path, text, /*replace=*/false);
}

absl::Status AddKeyringKey(const std::string& path, absl::string_view id) {
  if (absl::Status checked = CheckId(id); !checked.ok()) return checked;
  absl::StatusOr<OpenedFile> opened = Open(path);
  if (!opened.ok()) return opened.status();
  std::string line = NewKeyringLine(id);
  std::string text =
      absl::StrCat(opened->text, opened->text.empty() || absl::EndsWith(opened->text, "\n") ? "" : "\n", line);
  const absl::Cleanup wipe = [&] {
    Wipe(&opened->text);
    Wipe(&line);
    Wipe(&text);
  };
  if (opened->keyring->Find(id) != nullptr) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": has a key \"", id, "\" already"));
  }
  if (opened->keyring->ids().size() == kMaxKeyringKeys) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": has ", kMaxKeyringKeys, " keys, which is the most"));
  }
  return Store(path, text, /*replace=*/true);
}

absl::Status ActivateKeyringKey(const std::string& path, absl::string_view id) {
  if (absl::Status checked = CheckId(id); !checked.ok()) return checked;
  absl::StatusOr<OpenedFile> opened = Open(path);
  if (!opened.ok()) return opened.status();
  if (opened->keyring->Find(id) == nullptr) {
    Wipe(&opened->text);
    return absl::NotFoundError(absl::StrCat(path, ": has no key \"", id, "\""));
  }
  return Choose(path, *std::move(opened), absl::StrCat("active ", id));
}

absl::Status DeactivateKeyring(const std::string& path) {
  absl::StatusOr<OpenedFile> opened = Open(path);
  if (!opened.ok()) return opened.status();
  return Choose(path, *std::move(opened), "plain");
}

}  // namespace authstate

#include "client/cli/stores/store.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/folder/file_io.h"
#include "client/cli/stores/dump.h"
#include "client/cli/stores/entries.h"
#include "client/cli/stores/formats.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// A dump is held in memory, some three times over while it is divided.
constexpr std::size_t kMaxDumpBytes = std::size_t{1} << 30;
constexpr std::size_t kNamesShown = 10;
constexpr absl::string_view kFolder = "folder";

bool IsFolder(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error);
}

std::string Names(std::vector<std::string> names) {
  const std::size_t more = names.size() - std::min(names.size(), kNamesShown);
  names.resize(names.size() - more);
  return absl::StrCat(absl::StrJoin(names, ", "), more == 0 ? "" : absl::StrCat(" and ", more, " more"));
}

class OneFolder final : public Store {
 public:
  OneFolder(std::string path, FolderRules rules) : path_(std::move(path)), rules_(std::move(rules)) {}

  std::string format() const override { return std::string(kFolder); }
  std::vector<std::string> sessions() const override { return {""}; }
  std::string place(const std::string& /*session*/) const override { return path_; }
  absl::StatusOr<Folder> Read(const std::string& /*session*/, OnProgress on_progress) override {
    return ReadFolder(path_, rules_, on_progress);
  }

 private:
  const std::string path_;
  const FolderRules rules_;
};

class ManyFolders final : public Store {
 public:
  ManyFolders(std::string path, std::vector<std::string> names, FolderRules rules)
      : path_(std::move(path)), names_(std::move(names)), rules_(std::move(rules)) {}

  std::string format() const override { return std::string(kFolder); }
  std::vector<std::string> sessions() const override { return names_; }
  std::string place(const std::string& session) const override { return absl::StrCat(path_, "/", session); }
  absl::StatusOr<Folder> Read(const std::string& session, OnProgress on_progress) override {
    return ReadFolder(place(session), rules_, on_progress);
  }

 private:
  const std::string path_;
  const std::vector<std::string> names_;
  const FolderRules rules_;
};

class DumpStore final : public Store {
 public:
  DumpStore(std::string path, const Format& format, Dump dump, FolderRules rules)
      : path_(std::move(path)),
        format_(format),
        rules_(std::move(rules)),
        sessions_(SessionsOf(format, dump, rules_.names)),
        torn_lines_(std::move(dump.torn_lines)) {}

  std::string format() const override { return std::string(format_.name); }
  std::string about() const override { return absl::StrCat(format_.name, ": ", format_.what); }
  std::vector<std::string> sessions() const override {
    std::vector<std::string> names;
    for (const auto& [name, entries] : sessions_) names.push_back(name);
    return names;
  }
  std::string place(const std::string& session) const override {
    return session.empty() ? path_ : absl::StrCat(path_, ": ", session);
  }
  absl::StatusOr<Folder> Read(const std::string& session, OnProgress on_progress) override {
    const absl::Status go_on = on_progress(0, 1);
    if (!go_on.ok()) return go_on;
    const auto found = sessions_.find(session);
    if (found == sessions_.end()) return absl::NotFoundError(absl::StrCat(path_, " has no session ", session));
    return FolderOf(found->second, torn_lines_, place(session), rules_.with_creds, rules_.skip_torn);
  }

 private:
  const std::string path_;
  const Format& format_;
  const FolderRules rules_;
  const DumpSessions sessions_;
  const std::vector<FolderProblem> torn_lines_;
};

// The keys of one store with the creds of another.
class WithCreds final : public Store {
 public:
  WithCreds(std::unique_ptr<Store> keys, std::unique_ptr<Store> creds, const StoreOptions& options)
      : keys_(std::move(keys)),
        creds_(std::move(creds)),
        wanted_(options.creds_session),
        session_id_(options.session_id) {}

  std::string format() const override { return absl::StrCat(keys_->format(), " with creds of ", creds_->format()); }
  std::vector<std::string> sessions() const override { return keys_->sessions(); }
  std::string place(const std::string& session) const override { return keys_->place(session); }
  absl::StatusOr<Folder> Read(const std::string& session, OnProgress on_progress) override {
    absl::StatusOr<Folder> folder = keys_->Read(session, on_progress);
    if (!folder.ok()) return folder;
    const absl::StatusOr<std::string> name = ChooseSession(*creds_, session.empty() ? wanted_ : session, session_id_);
    if (!name.ok()) return WithMessage(name.status(), absl::StrCat("--creds: ", name.status().message()));
    absl::StatusOr<Folder> other = creds_->Read(*name, on_progress);
    if (!other.ok()) return other;
    folder->creds = std::move(other->creds);
    folder->creds_unwrapped = other->creds_unwrapped;
    return folder;
  }

 private:
  const std::unique_ptr<Store> keys_;
  const std::unique_ptr<Store> creds_;
  const std::string wanted_;
  const std::string session_id_;
};

// The folders in a folder, hidden ones left out.
absl::StatusOr<std::vector<std::string>> FoldersIn(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!absl::StartsWith(name, ".") && IsFolder(entry->path())) names.push_back(name);
  }
  if (error) return absl::FailedPreconditionError(absl::StrCat(path, " cannot be read: ", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::unique_ptr<Store>> OpenFolder(const std::string& path, const StoreOptions& options) {
  // The keys of Evolution are in a folder of the same form.
  if (!options.from.empty() && options.from != kFolder && options.from != "evolution-v2") {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder, which --from ", options.from, " is not"));
  }
  if (!options.many) return std::make_unique<OneFolder>(path, options.rules);
  absl::StatusOr<std::vector<std::string>> names = FoldersIn(path);
  if (!names.ok()) return names.status();
  if (names->empty()) return absl::FailedPreconditionError(absl::StrCat(path, " has no folders in it"));
  return std::make_unique<ManyFolders>(path, *std::move(names), options.rules);
}

absl::StatusOr<Dump> ReadDump(const std::string& path) {
  const absl::StatusOr<std::string> text =
      path == "-" ? ReadAll(STDIN_FILENO, kMaxDumpBytes) : ReadFile(path, kMaxDumpBytes, Links::kFollowed);
  if (!text.ok()) return text.status();
  if (!IsSqlite(*text)) return ReadJsonDump(*text);
  if (path == "-") return absl::InvalidArgumentError("is an SQLite file, which has to be named by its path");
  return ReadSqliteDump(path, IsKnownTable);
}

absl::StatusOr<std::unique_ptr<Store>> OpenOne(const std::string& path, const StoreOptions& options) {
  if (IsFolder(path)) return OpenFolder(path, options);
  absl::StatusOr<Dump> dump = ReadDump(path);
  if (!dump.ok()) return WithMessage(dump.status(), absl::StrCat(path, " ", dump.status().message()));
  const Format* const format = FindFormat(*dump, options.from, options.rules.names);
  if (format != nullptr) return std::make_unique<DumpStore>(path, *format, *std::move(dump), options.rules);
  return absl::InvalidArgumentError(options.from.empty()
                                        ? absl::StrCat(path, " is of no format that is known: see --from")
                                        : absl::StrCat(path, " does not look like a dump of ", options.from));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& path, const StoreOptions& options) {
  if (options.creds_path.empty()) return OpenOne(path, options);
  StoreOptions keys_options = options;
  keys_options.rules.with_creds = false;
  absl::StatusOr<std::unique_ptr<Store>> keys = OpenOne(path, keys_options);
  if (!keys.ok()) return keys;
  StoreOptions creds_options;
  creds_options.many = options.many;
  absl::StatusOr<std::unique_ptr<Store>> creds = OpenOne(options.creds_path, creds_options);
  if (!creds.ok()) return creds;
  return std::make_unique<WithCreds>(*std::move(keys), *std::move(creds), options);
}

absl::StatusOr<std::string> ChooseSession(const Store& store, const std::string& wanted, const std::string& becomes) {
  const std::vector<std::string> names = store.sessions();
  if (names.size() == 1 && (wanted.empty() || names.front().empty())) return names.front();
  const std::string& name = wanted.empty() ? becomes : wanted;
  if (absl::c_linear_search(names, name)) return name;
  return absl::FailedPreconditionError(absl::StrCat("there is no session ", name, " in it, but ",
                                                    names.empty() ? "none" : Names(names),
                                                    "; --source-session says which, --all DIR imports all"));
}

}  // namespace authstate::cli

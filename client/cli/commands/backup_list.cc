#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/verification.h"
#include "client/cli/commands/backup.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct ListOptions {
  std::string folder;
  KeyringSource keyring;
  bool verify = false;
};

// How many sessions its footer says; nullopt without the key. Of `whole`, that has to be what the file holds. A file
// that is not right is told as such.
absl::StatusOr<std::optional<std::uint64_t>> SessionsOf(const BackupFile& file, const Keyring* keyring, bool whole) {
  if (whole) {
    const auto verified =
        VerifyBackup(file.path, *keyring, [](std::uint64_t /*sessions*/) { return absl::OkStatus(); });
    if (!verified.ok()) return verified.status();
    return std::optional<std::uint64_t>(verified->totals.sessions);
  }
  if (keyring == nullptr || keyring->Find(file.header.key_id) == nullptr) return std::optional<std::uint64_t>();
  const absl::StatusOr<std::unique_ptr<RecordReader>> reader = RecordReader::Open(file.path, *keyring);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<backup::v1::Footer> footer = (*reader)->ReadFooter();
  if (!footer.ok()) return footer.status();
  return std::optional<std::uint64_t>(footer->sessions());
}

absl::Status List(CommandContext& context, const ListOptions& options) {
  // Without one, the counts are not told.
  const auto keyring = options.verify ? ReadKeyring(options.keyring) : LoadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  absl::StatusOr<BackupListing> list = ListBackups(options.folder);
  if (!list.ok()) return list.status();
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows{{"NUMBER", "CREATED", "KEY", "BYTES", "SESSIONS", "FILE"}};
  for (const BackupFile& file : list->files) {
    if (!file.has_end) {
      list->unfinished.push_back(file.path);
      list->unreadable.push_back({file.path, absl::StrCat(file.path, " has no end: it was cut, or never finished")});
      continue;
    }
    const absl::StatusOr<std::optional<std::uint64_t>> sessions = SessionsOf(file, keyring->get(), options.verify);
    if (!sessions.ok()) {
      list->unreadable.push_back({file.path, std::string(sessions.status().message())});
      continue;
    }
    json.push_back({{"file", file.path},
                    {"number", file.header.number},
                    {"created", TimeText(file.header.create_time)},
                    {"key", file.header.key_id},
                    {"store_id", file.header.store_id},
                    {"bytes", file.bytes},
                    {"sessions", sessions->has_value() ? Json(**sessions) : Json()}});
    rows.push_back({absl::StrCat(file.header.number), TimeText(file.header.create_time), file.header.key_id,
                    absl::StrCat(file.bytes), sessions->has_value() ? absl::StrCat(**sessions) : "-",
                    Printable(file.path)});
  }
  for (const std::string& path : list->unfinished) rows.push_back({"-", "unfinished", "-", "-", "-", Printable(path)});
  absl::Status written = context.output().json()
                             ? context.output().WriteJson({{"backups", json}, {"unfinished", list->unfinished}})
                             : context.output().Write(Table(rows));
  if (!written.ok() || list->unreadable.empty()) return written;
  for (const FolderProblem& file : list->unreadable) context.output().Warn(file.reason);
  return absl::DataLossError(absl::StrCat(Count(list->unreadable.size(), "file"), " cannot be read"));
}

}  // namespace

Command BackupList(Action* action) {
  const auto options = std::make_shared<ListOptions>();
  return Leaf("list", "Tell which backups a folder has, and with the keyring how many sessions each has", options,
              WithBackupKeyring(&options->keyring, {BackupFolderArgument(&options->folder),
                                                    Flag("--verify", &options->verify,
                                                         "Read every file whole, and tell which are not right")}),
              List, action);
}

}  // namespace authstate::cli

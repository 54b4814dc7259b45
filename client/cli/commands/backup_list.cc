#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/commands/backup.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct ListOptions {
  std::string folder;
  KeyringSource keyring;
};

// What its footer says; nullopt without the key. A file whose footer is not right is told as such.
absl::StatusOr<std::optional<backup::v1::Footer>> FooterOf(const BackupFile& file, const Keyring* keyring) {
  if (keyring == nullptr || keyring->Find(file.header.key_id) == nullptr) return std::optional<backup::v1::Footer>();
  const absl::StatusOr<std::unique_ptr<RecordReader>> reader = RecordReader::Open(file.path, *keyring);
  if (!reader.ok()) return reader.status();
  absl::StatusOr<backup::v1::Footer> footer = (*reader)->ReadFooter();
  if (!footer.ok()) return footer.status();
  return std::optional<backup::v1::Footer>(*std::move(footer));
}

absl::Status List(CommandContext& context, const ListOptions& options) {
  // Without one, the counts are not told.
  const auto keyring = LoadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  absl::StatusOr<BackupListing> list = ListBackups(options.folder);
  if (!list.ok()) return list.status();
  Json json = Json::array();
  std::vector<std::vector<std::string>> rows{{"NUMBER", "CREATED", "KEY", "BYTES", "SESSIONS", "FILE"}};
  for (const BackupFile& file : list->files) {
    const absl::StatusOr<std::optional<backup::v1::Footer>> footer = FooterOf(file, keyring->get());
    if (!footer.ok()) {
      list->unreadable.push_back({file.path, std::string(footer.status().message())});
      continue;
    }
    const Json sessions = footer->has_value() ? Json((*footer)->sessions()) : Json();
    json.push_back({{"file", file.path},
                    {"number", file.header.number},
                    {"created", TimeText(file.header.create_time)},
                    {"key", file.header.key_id},
                    {"bytes", file.bytes},
                    {"sessions", sessions}});
    rows.push_back({absl::StrCat(file.header.number), TimeText(file.header.create_time), file.header.key_id,
                    absl::StrCat(file.bytes), footer->has_value() ? absl::StrCat((*footer)->sessions()) : "-",
                    Printable(file.path)});
  }
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
              WithBackupKeyring(&options->keyring, {BackupFolderArgument(&options->folder)}), List, action);
}

}  // namespace authstate::cli

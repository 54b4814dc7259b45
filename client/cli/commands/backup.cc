#include "client/cli/commands/backup.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/keyring_choice.h"

namespace authstate::cli {

Option BackupFolderArgument(std::string* folder) {
  return Required(Text("DIR", folder, "The folder of the backups, a file each"));
}

Option BackupArgument(std::string* path) {
  return Required(Text("PATH", path, "A backup, or a folder of them, which stands for its newest"));
}

std::vector<Option> WithBackupKeyring(KeyringSource* source, std::vector<Option> declared) {
  for (Option& option :
       DeclareKeyring(source, "The keyring file of the backups; the servers' one, or one of its own")) {
    declared.push_back(std::move(option));
  }
  return declared;
}

Option MetricsFile(std::string* path) {
  return Text("--metrics-file", path,
              "Leave metrics of a success in this file, for the textfile collector of Prometheus' node_exporter");
}

absl::Status TellOfAnotherStore(const Output& output, client::Client& client, const BackupHeader& header,
                                const std::string& path) {
  const absl::StatusOr<std::string> id = client.StoreId();
  if (!id.ok()) return id.status();
  if (header.IsOfAnotherStore(*id)) {
    output.Warn(absl::StrCat(path, " is of another store (", header.store_id, ") than the server's (", *id, ")"));
  }
  return absl::OkStatus();
}

Command BackupCommands(Action* action) {
  return Group("backup", "Save all sessions in encrypted files, look after these, and bring sessions back",
               {BackupCreate(action), BackupVerify(action), BackupList(action), BackupRestore(action),
                BackupPrune(action), BackupDrill(action)});
}

}  // namespace authstate::cli

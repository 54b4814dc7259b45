#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_BACKUP_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_BACKUP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/cli/backup/record_file.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/output.h"
#include "client/cpp/client.h"
#include "keyring/keyring_source.h"

// The commands below `backup`, as in commands.h, and what they share.
namespace authstate::cli {

Command BackupCreate(Action* action);
Command BackupVerify(Action* action);
Command BackupList(Action* action);
Command BackupRestore(Action* action);
Command BackupPrune(Action* action);
Command BackupDrill(Action* action);

Option BackupFolderArgument(std::string* folder);
// A file, or a folder, which stands for its newest file.
Option BackupArgument(std::string* path);
// `declared`, and the options of the keyring that backups are encrypted under.
std::vector<Option> WithBackupKeyring(KeyringSource* source, std::vector<Option> declared);

// --metrics-file of a command that leaves metrics (client/cli/backup/metrics_file.h).
Option MetricsFile(std::string* path);

// Warns where the backup at `path` is of another store than the server's. Fails as Client::StoreId.
absl::Status TellOfAnotherStore(const Output& output, client::Client& client, const BackupHeader& header,
                                const std::string& path);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_BACKUP_H_

#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_SESSION_IMPORT_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_SESSION_IMPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command_context.h"
#include "client/cli/importer.h"
#include "client/cli/stores/store.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/write_lease.h"

// What the import of one session and that of many share.
namespace authstate::cli {

struct ImportOptions {
  std::string session_id;
  std::string path;
  // What to import all of, in place of these two.
  std::string all;
  std::string source_session;
  StoreOptions store;
  bool replace = false;
  bool keys_only = false;
  bool dry_run = false;
  WriteOptions write;
};

// What to open, and how.
StoreOptions StoreOptionsOf(const ImportOptions& options);

// How one session went.
struct ImportOutcome {
  Folder folder;
  ImportResult result;
};

// Reads `source` out of the store and brings it into the session, or only looks whether it could. Warns of what the
// user should know.
absl::StatusOr<ImportOutcome> ImportOne(CommandContext& context, const ImportOptions& options, Store& store,
                                        const std::string& source, const std::string& session_id,
                                        OnProgress on_progress, Progress& progress);

// `imported creds and 6 keys into session demo at revision 1 in 1 commit; read back and equal`, and a line for
// whatever was changed or left out on the way.
std::string OutcomeText(const ImportOptions& options, const std::string& session_id, const ImportOutcome& outcome);
Json OutcomeJson(const ImportOptions& options, const std::string& session_id, const ImportOutcome& outcome);

// Imports every session of `options.all`.
absl::Status ImportAll(CommandContext& context, const ImportOptions& options);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_SESSION_IMPORT_H_

#ifndef AUTHSTATE_CLIENT_CLI_IMPORTER_H_
#define AUTHSTATE_CLIENT_CLI_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/folder/folder_reader.h"
#include "client/cli/import_plan.h"
#include "client/cli/terminal/progress.h"
#include "client/cpp/client.h"

namespace authstate::cli {

struct ImportResult {
  // The session's revision after the import.
  std::uint64_t revision = 0;
  std::size_t keys = 0;
  std::size_t commits = 0;
  // Whether the session now has creds, be they imported or those that it had.
  bool has_creds = false;
};

// Brings `folder` into the session, by the commits of PlanImport, then reads the session back and compares it byte for
// byte (by the meaning of JSON where the store has rewritten it). Every commit names the revision it expects, so
// another writer makes the import fail instead of mixing with it.
//
// `fence`: that of the lease it writes under; 0: none.
//
// AlreadyExists when the session exists and `replace` is not given. Aborted when another writer came between. DataLoss
// when what was read back differs. An import of several commits that ends early leaves keys without creds, and says
// so; the same import with `replace` starts over.
absl::StatusOr<ImportResult> Import(client::Client& client, const std::string& session_id, const Folder& folder,
                                    bool replace, std::uint64_t fence, Progress& progress);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_IMPORTER_H_

#ifndef AUTHSTATE_CLIENT_CLI_IMPORTER_H_
#define AUTHSTATE_CLIENT_CLI_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/folder/folder_reader.h"
#include "client/cli/import_plan.h"
#include "client/cli/progress.h"
#include "client/cpp/client.h"

namespace authstate::cli {

struct ImportResult {
  // The session's revision after the import.
  std::uint64_t revision = 0;
  std::size_t keys = 0;
  std::size_t commits = 0;
};

// Brings `folder` into the session, by the commits of PlanImport, then reads the session back and compares it byte for
// byte. Every commit names the revision it expects, so another writer makes the import fail instead of mixing with it.
//
// AlreadyExists when the session exists and `replace` is not given. Aborted when another writer came between. DataLoss
// when what was read back differs. An import of several commits that ends early leaves a session without creds, and
// says so; the same import with `replace` starts over.
absl::StatusOr<ImportResult> Import(client::Client& client, const std::string& session_id, const Folder& folder,
                                    bool replace, Progress& progress);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_IMPORTER_H_

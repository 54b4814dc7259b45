#ifndef AUTHSTATE_CLIENT_CLI_IMPORTER_H_
#define AUTHSTATE_CLIENT_CLI_IMPORTER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/folder/folder.h"
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
  // Whether there was an import from the same origin that had ended early, which this one has finished.
  bool resumed = false;
  // Whether the session held all this already, and nothing else: nothing was written then.
  bool unchanged = false;
};

struct ImportTarget {
  std::string session_id;
  // Where the values come from, in words that tell it from others: `session a`.
  std::string origin;
  bool replace = false;
  // That of the lease it is written under; 0: none.
  std::uint64_t fence = 0;
  // Whether creds that the session has stay where the folder has none; else they are deleted.
  bool keeps_creds = true;
  // What the session's revision is greater than afterwards, whatever it was here; 0: it only goes on.
  std::uint64_t revision_above = 0;
};

// Brings `folder` into the session, by the commits of PlanImport, then reads the session back and compares it byte for
// byte (by the meaning of JSON where the store has rewritten it). Every commit names the revision it expects, so
// another writer makes the import fail instead of mixing with it.
//
// AlreadyExists when the session exists, holds something else and `replace` is not given. Aborted when another writer
// came between. DataLoss when what was read back differs. An import of several commits that ends early leaves keys
// without creds, and says so; the same import run again finishes it.
absl::StatusOr<ImportResult> Import(client::Client& client, const ImportTarget& target, const Folder& folder,
                                    Progress& progress);

// Whether the session, at `revision`, holds what `folder` holds and nothing else. DataLoss, with what differs, when it
// does not; Aborted when it is at another revision by now.
absl::Status CompareWithStore(client::Client& client, const std::string& session_id, const Folder& folder,
                              std::uint64_t revision, Progress& progress);

// What Import would do, or the error with which it would refuse, without writing anything: the commits are those to be
// written, the revision is that of now.
absl::StatusOr<ImportResult> PreviewImport(client::Client& client, const ImportTarget& target, const Folder& folder,
                                           Progress& progress);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_IMPORTER_H_

#ifndef AUTHSTATE_CLIENT_CLI_IMPORT_PLAN_H_
#define AUTHSTATE_CLIENT_CLI_IMPORT_PLAN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/folder/folder.h"
#include "client/cpp/types.h"
#include "contract/limits.h"

namespace authstate::cli {

// What one commit may hold.
struct CommitLimits {
  std::size_t operations = kMaxCommitOperations;
  std::size_t bytes = kMaxCommitBytes;
};

// The commits that write these values, in as few as the limits allow: the keys in their order, then the creds. At least
// one, without `expected_revision`.
std::vector<client::CommitRequest> CommitsOf(const std::string& session_id, const std::vector<client::KeyEntry>& keys,
                                             const std::optional<Value>& creds, const CommitLimits& limits = {});

// The commits that bring a folder into the store, in their order and without `expected_revision`.
//
// One commit where it fits. Otherwise several, with the keys first and the creds in the last: an import that ends early
// leaves keys without creds, for which no client makes a new identity. (Creds first would leave creds without some of
// their keys, which looks whole.) For the same reason the creds of an existing session are then deleted beforehand,
// once the session has the mark; and so they are where it is to end without any.
struct ImportPlan {
  // Whether the mark and then the deletion of the creds come before the commits.
  bool delete_creds_first = false;
  // At least one; if several, the first writes the mark and the last deletes it.
  std::vector<client::CommitRequest> commits;
};

// No key of Baileys: stands in a session while an import of several commits is under way, and says of what.
client::KeyEntry UnfinishedMark(absl::string_view origin);

// What an import meets.
struct ImportGround {
  // The session exists, and its keys give way.
  bool replaces = false;
  // It has creds.
  bool has_creds = false;
  // Creds that the session has stay where the folder has none.
  bool keeps_creds = true;
};

// `origin`: where the values come from, in words. `folder` has creds or keys.
ImportPlan PlanImport(const std::string& session_id, const Folder& folder, absl::string_view origin,
                      const ImportGround& ground, CommitLimits limits = {});

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_IMPORT_PLAN_H_

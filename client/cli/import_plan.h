#ifndef AUTHSTATE_CLIENT_CLI_IMPORT_PLAN_H_
#define AUTHSTATE_CLIENT_CLI_IMPORT_PLAN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/cli/folder/folder_reader.h"
#include "client/cpp/types.h"
#include "contract/limits.h"

namespace authstate::cli {

// What one commit may hold.
struct CommitLimits {
  std::size_t operations = kMaxCommitOperations;
  std::size_t bytes = kMaxCommitBytes;
};

// The commits that bring a folder into the store, in their order and without `expected_revision`.
//
// One commit where it fits. Otherwise several, with the keys first and the creds in the last: an import that ends early
// leaves keys without creds, for which no client makes a new identity. (Creds first would leave creds without some of
// their keys, which looks whole.) For the same reason the creds of an existing session are then deleted beforehand; and
// where that would leave nothing at all, which a client takes for a new session, it is given a mark that stays until
// the first keys are there.
struct ImportPlan {
  bool mark_first = false;
  bool delete_creds_first = false;
  // At least one.
  std::vector<client::CommitRequest> commits;
};

// `replaces`: the session exists and its keys give way; `has_creds`, `has_keys`: it has some. `folder` has creds or
// keys.
ImportPlan PlanImport(const std::string& session_id, const Folder& folder, bool replaces, bool has_creds, bool has_keys,
                      const CommitLimits& limits = {});

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_IMPORT_PLAN_H_

#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_SEARCH_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_SEARCH_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/backup/backup_reader.h"
#include "client/cli/folder/folder.h"

namespace authstate::cli {

// A session that a search has come to.
struct FoundSession {
  SessionStamp stamp;
  Folder state;
  // The file that has it, whether that is an older one than the first, and its id.
  std::string path;
  bool older = false;
  std::string file_id;
};

struct SearchResult {
  // Whether a session of those that are wanted could not be read, in the first file or, where that is damaged, in those
  // after it.
  bool damaged = false;
  // Whether some may be in none of the files as they should.
  bool incomplete = false;
};

// What a search tells while it goes on.
struct SearchListener {
  // Is called for each session, whose values are whole. An error ends the search.
  absl::FunctionRef<absl::Status(FoundSession session)> on_session;
  // Is told of damage, in words that name the file and the place.
  absl::FunctionRef<void(const absl::Status& damage)> on_damage;
};

// Hands out the sessions of `wanted`, each with all of its values, from the first of `files`; those that are damaged
// there come from the next one in which they are not. Files of another store than the first one's are passed over.
// Where it cannot be told which sessions are lost, those that an older file has in their place are handed out: one of
// these may have been deleted since.
//
// Fails as BackupReader::Open where the first file cannot be opened.
absl::StatusOr<SearchResult> SearchBackups(const std::vector<std::string>& files, const Keyring& keyring,
                                           const IdRange& wanted, const SearchListener& listener);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_BACKUP_SEARCH_H_

#ifndef AUTHSTATE_CLIENT_CLI_STORES_ENTRIES_H_
#define AUTHSTATE_CLIENT_CLI_STORES_ENTRIES_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/folder/folder.h"
#include "client/cli/terminal/folder_problem.h"
#include "client/cpp/types.h"

// The entries of a dump, each with its session and its key, before their values are looked at.
namespace authstate::cli {

struct StoreEntry {
  // What reports name it by: the name that the store gave it.
  std::string label;
  // nullopt: creds.
  std::optional<client::KeyName> key;
  // Canonical JSON text, which may be a string that holds the text of the value.
  std::string json;
  // The JSON text is the value itself, though it be a string.
  bool exact = false;
};

struct SessionEntries {
  std::vector<StoreEntry> entries;
  // What the dump has of this session and cannot be converted.
  std::vector<FolderProblem> left_out;
};

// By the name that the dump gives the session; "" where it gives none.
using DumpSessions = std::map<std::string, SessionEntries>;

// The value of an entry of `type` (kCredsType for creds), whose text may stand in a JSON string, and that again in one:
// `strings` is set to how many there were. A mapping of LIDs is a string itself, of digits that some stores keep bare.
// nullopt for `null`, by which stores delete. InvalidArgument when the text is no JSON, or too long.
absl::StatusOr<std::optional<Value>> DecodeEntry(absl::string_view type, const StoreEntry& entry, int* strings);

// Makes a folder of a session's entries; `path` is where they were read. Errors of FolderBuilder::Finish.
absl::StatusOr<Folder> FolderOf(const SessionEntries& session, const std::vector<FolderProblem>& torn_lines,
                                absl::string_view path, bool with_creds, bool skip_torn);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STORES_ENTRIES_H_

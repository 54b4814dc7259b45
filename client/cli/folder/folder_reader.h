#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_READER_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_READER_H_

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/folder/file_name.h"
#include "client/cli/folder/folder.h"

namespace authstate::cli {

struct FolderRules {
  FileNameRules names;
  // False leaves creds.json unread.
  bool with_creds = true;
  // Leaves out the keys that are torn, empty or malformed, and names them; torn creds are refused all the same.
  bool skip_torn = false;
};

// Reads a whole folder, or nothing: every file that is torn, empty, malformed, too large, or of an unknown name is in
// the error (FolderProblemsOf), and so are creds with which Baileys cannot work (CheckCreds) and a file that was
// written while the folder was read. `on_file` hears of each file, and an error of it ends the reading.
//
// Programs that put a new file in the place of the old one keep the old one as `<name>.json.bak`, and have the new one
// as `<name>.json.tmp` until it is whole. The first is read where `<name>.json` is missing, and with `skip_torn` where
// it is torn, unless an older value would do harm; the second never is. Nor is `creds.json.bak`, as it may be older
// than the keys; but errors tell that it could be read.
absl::StatusOr<Folder> ReadFolder(const std::string& path, const FolderRules& rules,
                                  absl::FunctionRef<absl::Status(std::size_t done, std::size_t total)> on_file);

// What to add to an error about the creds of the folder at `path`: that a creds.json.bak stands beside them which
// Baileys could work with; else nothing.
std::string CredsBackupHint(const std::string& path);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_READER_H_

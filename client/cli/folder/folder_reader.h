#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_READER_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_READER_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/folder/file_name.h"
#include "client/cpp/types.h"
#include "contract/value.h"

namespace authstate::cli {

// What a folder of useMultiFileAuthState holds. Values are canonical and within the limits of the contract.
struct Folder {
  // From creds.json; nullopt when there is no such file.
  std::optional<Value> creds;
  // Ordered by type and id; no key twice.
  std::vector<client::KeyEntry> keys;
  // Files whose byte fields were written as something else than Buffers, and are Buffers here (byte_fields.h).
  std::vector<std::string> mended;
  // creds.json held JSON text within a JSON string.
  bool creds_unwrapped = false;
  // Entries that are not `*.json`, which useMultiFileAuthState never reads.
  std::vector<std::string> ignored;
};

// Reads a whole folder, or nothing: every file that is torn, empty, malformed, too large, or of an unknown name is in
// the error (FolderProblemsOf), and so are creds with which Baileys cannot work (CheckCreds) and a file that was
// written while the folder was read. `with_creds`: false leaves creds.json unread. `on_file` hears of each file, and an
// error of it ends the reading.
absl::StatusOr<Folder> ReadFolder(const std::string& path, const FileNameRules& rules, bool with_creds,
                                  absl::FunctionRef<absl::Status(std::size_t done, std::size_t total)> on_file);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_READER_H_

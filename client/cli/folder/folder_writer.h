#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_WRITER_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_WRITER_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/types.h"
#include "contract/value.h"

namespace authstate::cli {

// Writes a folder that Baileys' useMultiFileAuthState opens, all or nothing: files are collected in a hidden folder
// beside the target (`.NAME.XXXXXX`), which takes the target's place in Publish. Without Publish the destructor removes
// it; a killed process leaves it behind, and the target as it was. Folder 0700, files 0600. Not thread-safe.
class FolderWriter {
 public:
  // FailedPrecondition when `target` is a file, or a folder that is not empty and `replace` is not given; also with
  // `replace`, when it holds anything but `*.json` files: it is then no folder of useMultiFileAuthState.
  static absl::StatusOr<FolderWriter> Create(const std::string& target, bool replace);

  ~FolderWriter();
  FolderWriter(FolderWriter&& other) noexcept;
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  absl::Status AddCreds(const Value& creds);
  // FailedPrecondition, naming both keys, when another key has the same file name; and when the name is too long.
  absl::Status AddKey(const client::KeyEntry& entry);

  // Makes the files durable and puts them in the target's place in one step.
  absl::Status Publish();

 private:
  FolderWriter(std::string target, std::string staging, bool replace);

  absl::Status TakePlace() const;

  std::string target_;
  // Empty once published.
  std::string staging_;
  bool replace_;
  std::map<std::string, client::KeyName> names_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_WRITER_H_

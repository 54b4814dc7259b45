#ifndef AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_H_
#define AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_H_

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/terminal/folder_problem.h"
#include "client/cpp/types.h"
#include "contract/value.h"

namespace authstate::cli {

// What useMultiFileAuthState has of one session, wherever it was read from. Values are canonical and within the limits
// of the contract. What the reports name is a file of the folder, or the entry of another store.
struct Folder {
  // nullopt: there are none.
  std::optional<Value> creds;
  // Ordered by type and id; no key twice.
  std::vector<client::KeyEntry> keys;
  // Entries whose bytes were written as something else than Buffers, and are Buffers here (byte_fields.h).
  std::vector<std::string> mended;
  // The creds were JSON text within a JSON string, once more than the store itself writes them.
  bool creds_unwrapped = false;
  // Files that useMultiFileAuthState never reads, for they are not `*.json`.
  std::vector<std::string> ignored;
  // Files that were missing, in place of which their `.bak` was read.
  std::vector<std::string> from_backup;
  // What is not here though the store has it, and why.
  std::vector<FolderProblem> left_out;
  // When the youngest file was written; InfinitePast for what is no folder.
  absl::Time written = absl::InfinitePast();
};

// Makes a Folder of entries as they come, in Baileys' form. Not thread-safe.
class FolderBuilder {
 public:
  // `skip_torn`: what cannot be read is left out and named. Creds never are.
  explicit FolderBuilder(bool skip_torn) : skip_torn_(skip_torn) {}

  // Creds, also within one JSON string. `entry` is what reports name.
  void AddCreds(absl::string_view entry, const absl::StatusOr<Value>& value);
  // A value that could not be read counts as torn.
  void AddKey(absl::string_view entry, client::KeyName name, absl::StatusOr<Value> value);
  // Something that makes the whole fail, such as an entry of an unknown name.
  void Refuse(absl::string_view entry, absl::string_view reason);

  // What AddCreds and AddKey do not fill in.
  Folder& folder() { return folder_; }

  // The folder, or FailedPrecondition with all that stands in the way (FolderProblemsOf). `path`: where it was read;
  // `noun`: what an entry is there.
  absl::StatusOr<Folder> Finish(absl::string_view path, absl::string_view noun) &&;

 private:
  absl::Status TakeCreds(absl::string_view entry, Value creds);

  const bool skip_torn_;
  Folder folder_;
  std::vector<FolderProblem> problems_;
  std::set<client::KeyName> names_;
};

// The value in the text of one entry, within the limits. `null` is InvalidArgument: stores delete what is null.
absl::StatusOr<Value> ParseEntry(absl::string_view text);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_FOLDER_FOLDER_H_

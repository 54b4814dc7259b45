#ifndef AUTHSTATE_CLIENT_CLI_STORES_STORE_H_
#define AUTHSTATE_CLIENT_CLI_STORES_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/folder/folder_reader.h"

namespace authstate::cli {

struct StoreOptions {
  // One of FormatNames; empty: what the path turns out to be.
  std::string from;
  // Where the creds are, if they are elsewhere than the keys: a dump or a folder that has the same session.
  std::string creds_path;
  // Where the keys' store has no name for its session, how that calls it, and what it becomes (ChooseSession).
  std::string creds_session;
  std::string session_id;
  // In a folder, each folder is a session; a dump may have several either way.
  bool many = false;
  FolderRules rules;
};

using OnProgress = absl::FunctionRef<absl::Status(std::size_t done, std::size_t total)>;

// Sessions as another store has them: a folder, a folder of folders, or a dump (stores/formats.h). Not thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  // Which format it is, as in --from.
  virtual std::string format() const = 0;
  // The same in words.
  virtual std::string about() const { return format(); }
  // The names of its sessions, in order; one empty name where it has one session and does not say whose.
  virtual std::vector<std::string> sessions() const = 0;
  // Where one of these is, for people.
  virtual std::string place(const std::string& session) const = 0;
  // One of these, with what ReadFolder says of errors. An error of `on_progress` ends the reading.
  virtual absl::StatusOr<Folder> Read(const std::string& session, OnProgress on_progress) = 0;
};

// `path`: a folder, a file, or `-` for standard input. A dump is read whole. FailedPrecondition or InvalidArgument when
// it cannot be read, or is of no known format, or not of the one that was named.
absl::StatusOr<std::unique_ptr<Store>> OpenStore(const std::string& path, const StoreOptions& options);

// The session to read where one is asked for: the only one if it has no name or none is `wanted`; else that, or the one
// that is called as the session it becomes. FailedPrecondition, with the names that there are, when that does not tell.
absl::StatusOr<std::string> ChooseSession(const Store& store, const std::string& wanted, const std::string& becomes);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STORES_STORE_H_

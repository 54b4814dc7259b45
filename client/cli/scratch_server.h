#ifndef AUTHSTATE_CLIENT_CLI_SCRATCH_SERVER_H_
#define AUTHSTATE_CLIENT_CLI_SCRATCH_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace authstate::cli {

// The authstated beside this program, or `authstated` of PATH.
std::string FindServerProgram();

// A server on an empty SQLite store that is thrown away with it. It listens on a socket in a folder that only this user
// can enter; what it stores is encrypted under a key that is in no file. It ends with the thread that started
// it, however that comes about, and takes nothing from the environment that other servers do.
class ScratchServer {
 public:
  // Returns once it serves. FailedPrecondition when it does not within half a minute.
  static absl::StatusOr<std::unique_ptr<ScratchServer>> Start(const std::string& program);
  ~ScratchServer();
  ScratchServer(const ScratchServer&) = delete;
  ScratchServer& operator=(const ScratchServer&) = delete;

  // unix:PATH
  std::string address() const;

 private:
  explicit ScratchServer(std::string folder) : folder_(std::move(folder)) {}

  absl::Status Spawn(const std::string& program);
  absl::Status AwaitReady(const std::string& program) const;

  const std::string folder_;
  pid_t server_ = -1;
  // Where it says that it serves.
  int output_ = -1;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_SCRATCH_SERVER_H_

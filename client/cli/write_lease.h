#ifndef AUTHSTATE_CLIENT_CLI_WRITE_LEASE_H_
#define AUTHSTATE_CLIENT_CLI_WRITE_LEASE_H_

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client/cli/command_context.h"

namespace authstate::cli {

// Under which lease a command writes; the options of every command that does.
struct WriteOptions {
  // The fence of a lease that somebody has taken already; 0: none.
  std::uint64_t fence = 0;
  // Takes the session's lease for the time of the command.
  bool take_lease = false;
  // Takes it also from an owner that is alive.
  bool steal = false;
  // What the fence of the taken lease is greater than, whatever the session's was. FailedPrecondition (SERVER_TOO_OLD)
  // where the server, of an older version, cannot do that.
  std::uint64_t fence_above = 0;
};

// What a command does under a fence; 0: under none.
using Write = absl::FunctionRef<absl::Status(std::uint64_t fence)>;

// Runs `write` as `options` say. A taken lease is renewed while `write` runs and released at its end: when it failed,
// and after SIGINT, SIGTERM or SIGHUP too, which cancel the calls of the context's client. A command that is killed
// leaves a lease that ends by itself within kTakenLease.
//
// A refusal for a lease says which option goes past it. A lease that was lost while `write` ran makes its next call
// fail with FailedPrecondition.
absl::Status WriteUnder(CommandContext& context, const std::string& session_id, const WriteOptions& options,
                        Write write);

// The same for a command that watches the signals itself, and cancels the context's client on one.
absl::Status WriteUnderWatch(CommandContext& context, const std::string& session_id, const WriteOptions& options,
                             Write write);

// How long a lease that --take-lease takes lasts before it has to be renewed.
inline constexpr absl::Duration kTakenLease = absl::Seconds(30);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_WRITE_LEASE_H_

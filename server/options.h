#ifndef AUTHSTATE_SERVER_OPTIONS_H_
#define AUTHSTATE_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "keyring/keyring_source.h"
#include "profiles/database_options.h"
#include "server/connections/tls_material.h"
#include "server/log/audit_log.h"
#include "server/log/logging.h"
#include "server/service_manager.h"

namespace authstate::server {

// What --http-listen is by default, and to have no such port.
inline constexpr absl::string_view kDefaultHttpListen = "127.0.0.1:50080";
inline constexpr absl::string_view kNoHttp = "off";

// How authstated is set up. Each option is a flag (`--sqlite-path`), an environment variable (`AUTHSTATE_SQLITE_PATH`)
// and an entry of the TOML file that `--config` names (`sqlite-path = "…"`): profiles/command.h.
struct Options {
  std::string listen = "127.0.0.1:50051";
  // Where metrics and health are served over HTTP; or kNoHttp.
  std::string http_listen = std::string(kDefaultHttpListen);
  // Files of `authstatectl backup create` and `backup drill` (--metrics-file), divided by commas, whose figures are
  // shown there.
  std::string backup_metrics;
  TlsFiles tls;
  // Whether to serve plain text, and a store that never had a token, also on an address that others than this machine
  // may reach.
  bool allow_insecure = false;
  // Zero: no end (ListenerOptions).
  absl::Duration max_connection_age;
  // The configuration file, which may hold passwords; empty when there is none.
  std::string config_path;
  // May hold passwords.
  profiles::DatabaseOptions databases;
  // Where the keys are under which sessions are encrypted (docs/encryption.md). May be one.
  KeyringSource keyring;
  // Whether an empty store is to hide key ids (docs/encryption.md).
  bool hide_key_ids = false;
  // Whether a store that is not there yet is made (SqliteOptions::create).
  bool create = true;
  bool migrate = false;
  // Whether to serve tables on which other roles have rights (PostgresOptions::allow_exposed_tables).
  bool allow_exposed_tables = false;
  // Absolute; the only folder in which callers may have files made (storage/sqlite/store_copy.h). Empty: there is none.
  std::string copy_folder;
  bool deny_steal = false;
  // Calls of a kind that a store works on at once, each for all who wait (storage/batches/batch_limits.h); 0: on
  // PostgreSQL every caller has its own. BatchesOf says how many where it is not set.
  std::optional<int> batches;
  // For reads answered from memory, where that is possible (storage/decorators/caching_backend.h); 0: none are.
  std::size_t cache_bytes = std::size_t{64} << 20;
  // The near store of write-behind (storage/write_behind/write_behind.h); empty: there is none. Its bounds, and what
  // other servers tell those who ask for a session that is at home there.
  std::string write_behind;
  std::size_t write_behind_max_bytes = std::size_t{256} << 20;
  absl::Duration write_behind_max_age = absl::Hours(1);
  std::string advertise;
  // What one caller may ask for (CallerLimits); 0: no bound.
  std::size_t max_calls_per_caller = 2048;
  std::size_t max_rate_per_caller = 0;
  // Streams of Pipe open at once (StreamRegistry).
  std::size_t max_pipe_streams = 256;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kJson;
  AuditMode audit = AuditMode::kOff;
  std::string audit_file = "-";
  absl::Duration default_deadline = absl::Seconds(30);
  absl::Duration drain_timeout = absl::Seconds(10);
  absl::Duration health_interval = absl::Seconds(1);
  // Who started the server and wants to hear from it; no option, but the environment alone tells it.
  ServiceManagerOptions service_manager;
};

// Half as many as PostgreSQL may have connections (profiles::ConnectionsForCalls), unless the options say.
int BatchesOf(const Options& options);

// What to do instead of serving: print `text`, on standard error if `exit_code` is not 0, and exit.
struct PrintAndExit {
  std::string text;
  int exit_code = 0;
};

// Reads the options of a process from its arguments (without the program's name), its environment and its configuration
// file. An error is one line that names the option. `environment` holds `NAME=value`.
std::variant<Options, PrintAndExit> ParseOptions(const std::vector<std::string>& arguments,
                                                 const std::vector<std::string>& environment);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_OPTIONS_H_

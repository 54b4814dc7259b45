#ifndef AUTHSTATE_STORAGE_POSTGRES_POSTGRES_OPTIONS_H_
#define AUTHSTATE_STORAGE_POSTGRES_POSTGRES_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "keyring/keyring.h"
#include "storage/counts/statement_stats.h"

namespace authstate::storage {

class DeadlineTimer;

// Which tables keep the state.
enum class PostgresLayout : std::uint8_t {
  // Found by looking at the database.
  kDetect,
  // auth_* (migrations/postgres).
  kNative,
  // whatsapp_auth and whatsapp_keys.
  kLegacy,
};

// What stands between this program and the database.
enum class PoolerMode : std::uint8_t {
  // Found by asking the connection.
  kDetect,
  kNone,
  kSession,
  kTransaction,
};

// One for signs of life, one for calls, and one for a snapshot.
inline constexpr int kLeastPostgresConnections = 3;

struct PostgresOptions {
  // How the database is called in Description and in messages: the connection profile (`timeweb`, `supabase`).
  std::string name = "postgres";
  // `postgresql://user:password@host:port/database`, or a conninfo string of libpq. Several hosts are allowed; the one
  // that takes writes is used. Secret: never logged.
  std::string url;
  PostgresLayout layout = PostgresLayout::kDetect;
  PoolerMode pooler = PoolerMode::kDetect;
  // All connections that are ever open to the database at once, each with a thread: one for signs of life, the others
  // for calls, of which snapshots may keep up to half. At least 2, which leaves none for snapshots; a server needs
  // kLeastPostgresConnections.
  int connections = 8;
  // Calls that may wait for a connection; more are refused at once.
  std::size_t queue_limit = 4096;
  // How long a call may wait for one.
  absl::Duration queue_wait = absl::Seconds(5);
  // Memory for the bases of long values, so that a rewrite writes what has changed
  // (storage/postgres/layout/value_patch.h); 0: all are written whole. Only the native layout has patches.
  std::size_t patch_base_bytes = std::size_t{32} << 20;
  // What new sessions are sealed under (storage/sealing/session_keys.h); null: they are not, and a database that was
  // opened with a keyring before is refused with FailedPrecondition, reason kKeyringMismatch. So is the legacy layout
  // with one.
  std::shared_ptr<const Keyring> keyring;
  // Whether to hide key ids in a database without sessions, which then always hides them
  // (storage/sealing/hidden_names.h). With sessions: FailedPrecondition, reason kKeyringMismatch. Needs a keyring.
  bool hide_key_ids = false;
  // Whether to open a database that is encrypted also without its keyring, for who reads and writes no session.
  bool without_keyring = false;
  // Whether an older schema may be brought up to date. An empty database gets its schema in any case.
  bool migrate = false;
  // Roles that may use the tables besides their owner and the one of `url`: those of other servers, of backups. They
  // keep their rights, and get what a server needs, when the schema is made or changed; where none is named, those of
  // an earlier time do.
  std::vector<std::string> allowed_roles;
  // Whether to serve, with a warning, though other roles have rights on the tables.
  bool allow_exposed_tables = false;
  // Told, within OpenPostgresBackend, what an operator should know; no secrets.
  std::function<void(const std::string&)> warn = [](const std::string&) {};
  // How long the making of one connection may take, for each host; in whole seconds.
  absl::Duration connect_timeout = absl::Seconds(5);
  // How long a statement may take, also when its caller would wait longer. Its connection is thrown away then.
  absl::Duration call_timeout = absl::Seconds(60);
  // Where every statement sent to the database is counted; null: nowhere.
  std::shared_ptr<StatementStats> stats;
  // Ends calls and statements on time; null: one of its own does.
  std::shared_ptr<DeadlineTimer> timer;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_POSTGRES_OPTIONS_H_

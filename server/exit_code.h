#ifndef AUTHSTATE_SERVER_EXIT_CODE_H_
#define AUTHSTATE_SERVER_EXIT_CODE_H_

namespace authstate::server {

// What authstated exits with; `--help` and docs/options.md document the numbers.
enum ExitCode : int {
  kExitOk = 0,
  // 1, for anything without a code of its own, is what the system makes of it.
  // A bad option, environment variable or configuration file.
  kExitUsage = 2,
  // The address cannot be listened on.
  kExitListen = 3,
  // The store cannot be opened: an unwritable file, a file that another server uses.
  kExitStore = 4,
  // The database does not answer.
  kExitDatabaseAway = 5,
  // The store's schema is not one that this version knows.
  kExitSchema = 6,
  // The database is there and refuses us, or we it: password, role, database name, TLS.
  kExitRefused = 7,
  // The TLS certificate, key or client CA cannot be used.
  kExitTls = 8,
  // Others than this machine could reach the server, and nobody has been given rights: everybody could do everything.
  kExitOpen = 9,
  // The keyring cannot be read, or is not that of the store.
  kExitKeyring = 10,
  // The audit log cannot be written.
  kExitAudit = 11,
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_EXIT_CODE_H_

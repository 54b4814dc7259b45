#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECT_ERROR_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECT_ERROR_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// Why a connection was not made, and what to do about it. libpq tells the cause in words alone; this is the one place
// that reads them. Pure and thread-safe.
namespace authstate::storage {

enum class ConnectFault : std::uint8_t {
  // Nobody listens there.
  kClosedPort,
  kUnknownHost,
  kNoAnswer,
  // The connection was made, and nothing answers on it.
  kUnanswered,
  // The connection was made and lost again.
  kLost,
  kNoTls,
  // The CA file cannot be used.
  kBadCaFile,
  // The server's certificate is not of the CA.
  kUntrusted,
  // The certificate is of the CA, and for another name.
  kOtherName,
  // Anything else of TLS.
  kTls,
  kPasswordWrong,
  kPasswordMissing,
  kUnknownRole,
  kUnknownDatabase,
  // The server's rules (pg_hba.conf, CONNECT) leave this role out.
  kNotAllowed,
  kTooManyConnections,
  // Starting, stopping or recovering.
  kNotReady,
  // It takes no writes.
  kStandby,
  kOther,
};

// The fault that `text` tells of: what libpq said of one host, with PQERRORS_VERBOSE, so that what the server said
// carries its SQLSTATE (`FATAL:  28P01: …`). The words of a server may be in any language and are looked at only where
// a pooler sends a state that says nothing.
ConnectFault ClassifyConnectError(absl::string_view text);

// What was asked for; no secrets.
struct ConnectAttempt {
  // The profile, by which options are called: `timeweb`.
  std::string profile;
  // `host:port/database`.
  std::string place;
  std::string user;
  std::string database;
};

// Whether the words are those of a server or a pooler that has no connection to spare, as far as they are English.
bool TellsOfTooManyConnections(absl::string_view text);

// One line: where, what, and what to do. Unavailable when waiting may help (kDatabaseUnavailable, kTooManyConnections
// for kTooManyConnections, kDatabaseReadOnly for kStandby), else with reason kDatabaseRefused: Unauthenticated
// (password, role), NotFound (database), PermissionDenied (rules), FailedPrecondition (TLS).
absl::Status ConnectError(ConnectFault fault, const ConnectAttempt& attempt);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECT_ERROR_H_

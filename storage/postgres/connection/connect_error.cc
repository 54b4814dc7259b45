#include "storage/postgres/connection/connect_error.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

struct Words {
  absl::string_view part;
  ConnectFault fault;
};

// libpq's own words, which are English as no locale is set in our programs. The first that is found decides.
constexpr Words kLibpqWords[] = {
    {"could not translate host name", ConnectFault::kUnknownHost},
    {"does not support SSL, but SSL was required", ConnectFault::kNoTls},
    {"root certificate file", ConnectFault::kBadCaFile},
    {"could not load system root certificate", ConnectFault::kBadCaFile},
    {"certificate verify failed", ConnectFault::kUntrusted},
    {"does not match host name", ConnectFault::kOtherName},
    {"host name must be specified", ConnectFault::kOtherName},
    {"could not get server's host name from server certificate", ConnectFault::kOtherName},
    {"no password supplied", ConnectFault::kPasswordMissing},
    {"session is read-only", ConnectFault::kStandby},
    {"hot standby", ConnectFault::kStandby},
    {"SSL SYSCALL error", ConnectFault::kLost},
    {"server closed the connection", ConnectFault::kLost},
    {"onnection reset", ConnectFault::kLost},
    {"onnection refused", ConnectFault::kClosedPort},
    {"No such file or directory", ConnectFault::kClosedPort},
    {"timed out", ConnectFault::kNoAnswer},
    {"timeout expired", ConnectFault::kNoAnswer},
    {"No route to host", ConnectFault::kNoAnswer},
    {"Network is unreachable", ConnectFault::kNoAnswer},
    {"SSL error", ConnectFault::kTls},
};

// What poolers say in their own name. They send a protocol violation (PgBouncer) or an internal error (Supavisor)
// whatever the cause is.
constexpr Words kPoolerWords[] = {
    {"no such database", ConnectFault::kUnknownDatabase},
    {"no such user", ConnectFault::kUnknownRole},
    {"enant or user not found", ConnectFault::kUnknownRole},
    {"password authentication failed", ConnectFault::kPasswordWrong},
    {"SASL authentication failed", ConnectFault::kPasswordWrong},
    {"database \"", ConnectFault::kUnknownDatabase},
    {"role \"", ConnectFault::kUnknownRole},
};

// What PostgreSQL, PgBouncer (also to a client that waited too long for a connection) and Supavisor say.
constexpr absl::string_view kTooManyWords[] = {
    "too many clients already",    "too many connections for", "remaining connection slots are reserved",
    "no more connections allowed", "query_wait_timeout",       "ax client connections reached",
    "max clients reached",         "unable to check out",      "EMAXCONN",
};

template <std::size_t size>
ConnectFault Find(const Words (&table)[size], absl::string_view text) {
  for (const Words& words : table) {
    if (absl::StrContains(text, words.part)) return words.fault;
  }
  return ConnectFault::kOther;
}

// The state in `FATAL:  28P01: …`, where the first word is in the server's language.
std::string StateIn(absl::string_view text) {
  static const std::regex* const kState = new std::regex(":  ([0-9A-Z]{5}): ");
  std::cmatch match;
  return std::regex_search(text.data(), text.data() + text.size(), match, *kState) ? match[1].str() : "";
}

ConnectFault FaultOfState(absl::string_view state, absl::string_view text) {
  if (state == "28P01") return ConnectFault::kPasswordWrong;
  // The file's name is the same in every language.
  if (state == "28000") {
    return absl::StrContains(text, "pg_hba.conf") ? ConnectFault::kNotAllowed : ConnectFault::kUnknownRole;
  }
  if (state == "3D000") return ConnectFault::kUnknownDatabase;
  if (state == "42501") return ConnectFault::kNotAllowed;
  if (state == "53300") return ConnectFault::kTooManyConnections;
  if (absl::StartsWith(state, "57P")) return ConnectFault::kNotReady;
  return Find(kPoolerWords, text);
}

std::string WhatToDo(ConnectFault fault, const ConnectAttempt& attempt) {
  const std::string option = absl::StrCat("--", attempt.profile, "-");
  switch (fault) {
    case ConnectFault::kClosedPort:
      return "connection refused: nothing listens there; check host and port, and that the database runs";
    case ConnectFault::kUnknownHost:
      return absl::StrCat("the host name is not known; check ", option, "host and the machine's DNS");
    case ConnectFault::kNoAnswer:
      return "no answer; check host and port, and the firewalls in between";
    case ConnectFault::kUnanswered:
      return "the connection was made, and nothing answers on it, as behind a pooler whose pool is full; lower "
             "--postgres-connections of its servers, or raise the size of the pool";
    case ConnectFault::kLost:
      return "the connection was closed before it was ready; the database's log says why";
    case ConnectFault::kNoTls:
      return absl::StrCat("the server offers no TLS; turn it on there, as ", option, "sslmode asks for it");
    case ConnectFault::kBadCaFile:
      return absl::StrCat("the CA file cannot be used; check ", option, "ca-file");
    case ConnectFault::kUntrusted:
      return absl::StrCat("the server's certificate is not of the authority in ", option,
                          "ca-file, or has expired; take the provider's current CA file");
    case ConnectFault::kOtherName:
      return absl::StrCat("the server's certificate is for another host name; give that name as ", option, "host");
    case ConnectFault::kTls:
      return "the TLS handshake failed; the database's log says why";
    case ConnectFault::kPasswordWrong:
      return absl::StrCat("the password of role \"", attempt.user, "\" was rejected; check ", option, "user and ",
                          option, "password");
    case ConnectFault::kPasswordMissing:
      return absl::StrCat("the server wants a password of role \"", attempt.user, "\"; give ", option, "password-file");
    case ConnectFault::kUnknownRole:
      return absl::StrCat("role \"", attempt.user, "\" does not exist or may not log in; check ", option, "user");
    case ConnectFault::kUnknownDatabase:
      return absl::StrCat("database \"", attempt.database, "\" does not exist; create it, or check ", option,
                          "database");
    case ConnectFault::kNotAllowed:
      return absl::StrCat("the server does not let role \"", attempt.user, "\" in from here; check its pg_hba.conf, ",
                          "the role's rights and ", option, "sslmode");
    case ConnectFault::kTooManyConnections:
      return "the server, or a pooler before it, has no connection to spare; lower --postgres-connections, or raise "
             "what "
             "it allows the role, the database or the pool";
    case ConnectFault::kNotReady:
      return "the server is starting, stopping or recovering; try again";
    case ConnectFault::kStandby:
      return "the server takes no writes: it is a standby, or was made read-only, as hosts do when its disk is full; "
             "name "
             "the primary as well, or make room";
    case ConnectFault::kOther:
      break;
  }
  return "the connection was refused; the database's log says why";
}

}  // namespace

bool TellsOfTooManyConnections(absl::string_view text) {
  return std::any_of(std::begin(kTooManyWords), std::end(kTooManyWords),
                     [text](absl::string_view words) { return absl::StrContains(text, words); });
}

ConnectFault ClassifyConnectError(absl::string_view text) {
  const std::string state = StateIn(text);
  if (TellsOfTooManyConnections(text)) return ConnectFault::kTooManyConnections;
  return state.empty() ? Find(kLibpqWords, text) : FaultOfState(state, text);
}

absl::Status ConnectError(ConnectFault fault, const ConnectAttempt& attempt) {
  const std::string line = absl::StrCat("cannot connect to ", attempt.place, ": ", WhatToDo(fault, attempt));
  switch (fault) {
    case ConnectFault::kNoTls:
    case ConnectFault::kBadCaFile:
    case ConnectFault::kUntrusted:
    case ConnectFault::kOtherName:
    case ConnectFault::kTls:
      return Error(absl::StatusCode::kFailedPrecondition, kDatabaseRefused, line);
    case ConnectFault::kPasswordWrong:
    case ConnectFault::kPasswordMissing:
    case ConnectFault::kUnknownRole:
      return Error(absl::StatusCode::kUnauthenticated, kDatabaseRefused, line);
    case ConnectFault::kUnknownDatabase:
      return Error(absl::StatusCode::kNotFound, kDatabaseRefused, line);
    case ConnectFault::kNotAllowed:
      return Error(absl::StatusCode::kPermissionDenied, kDatabaseRefused, line);
    case ConnectFault::kClosedPort:
    case ConnectFault::kUnknownHost:
    case ConnectFault::kNoAnswer:
    case ConnectFault::kUnanswered:
    case ConnectFault::kLost:
    case ConnectFault::kNotReady:
    case ConnectFault::kOther:
      break;
    case ConnectFault::kTooManyConnections:
      return Error(absl::StatusCode::kUnavailable, kTooManyConnections, line);
    case ConnectFault::kStandby:
      return Error(absl::StatusCode::kUnavailable, kDatabaseReadOnly, line);
  }
  return Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, line);
}

}  // namespace authstate::storage

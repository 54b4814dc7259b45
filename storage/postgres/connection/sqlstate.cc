#include "storage/postgres/connection/sqlstate.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"

namespace authstate::storage {
namespace {

struct Row {
  // A whole SQLSTATE, or its first two characters: a class.
  absl::string_view prefix;
  Fault fault;
};

// The first row that fits is taken: a state stands before its class. Names are those of PostgreSQL's errcodes.txt.
constexpr std::array kRows = {
    Row{"", Fault::kLost},  // matched whole, see FaultOf

    Row{"40001", Fault::kAgain},       // serialization_failure
    Row{"40P01", Fault::kAgain},       // deadlock_detected
    Row{"40003", Fault::kInDoubt},     // statement_completion_unknown
    Row{"40", Fault::kAgain},          // transaction_rollback
    Row{"55P03", Fault::kAgain},       // lock_not_available
    Row{"08001", Fault::kNeverBegan},  // sqlclient_unable_to_establish_sqlconnection
    Row{"08004", Fault::kNeverBegan},  // sqlserver_rejected_establishment_of_sqlconnection
    Row{"08007", Fault::kInDoubt},     // transaction_resolution_unknown
    Row{"08P01", Fault::kLost},        // protocol_violation; PgBouncer reports its own troubles by it
    Row{"08", Fault::kLost},           // connection_exception
    Row{"53300", Fault::kNeverBegan},  // too_many_connections
    Row{"53100", Fault::kDiskFull},    // disk_full
    Row{"53", Fault::kOverloaded},     // insufficient_resources
    Row{"57P03", Fault::kNeverBegan},  // cannot_connect_now
    Row{"57P01", Fault::kLost},        // admin_shutdown
    Row{"57P02", Fault::kLost},        // crash_shutdown
    Row{"57P04", Fault::kLost},        // database_dropped
    Row{"57P05", Fault::kLost},        // idle_session_timeout
    Row{"25P03", Fault::kLost},        // idle_in_transaction_session_timeout
    Row{"57", Fault::kCancelled},      // operator_intervention: query_canceled
    Row{"25006", Fault::kStandby},     // read_only_sql_transaction
    Row{"XX001", Fault::kCorrupt},     // data_corrupted
    Row{"XX002", Fault::kCorrupt},     // index_corrupted
};

}  // namespace

Fault FaultOf(absl::string_view sqlstate) {
  for (const Row& row : kRows) {
    if (row.prefix.empty() ? sqlstate.empty() : absl::StartsWith(sqlstate, row.prefix)) return row.fault;
  }
  return Fault::kNever;
}

absl::string_view NameOf(Fault fault) {
  switch (fault) {
    case Fault::kAgain:
      return "conflict";
    case Fault::kNeverBegan:
      return "unreachable";
    case Fault::kLost:
      return "connection_lost";
    case Fault::kInDoubt:
      return "in_doubt";
    case Fault::kStandby:
      return "standby";
    case Fault::kDiskFull:
      return "disk_full";
    case Fault::kOverloaded:
      return "overloaded";
    case Fault::kCancelled:
      return "cancelled";
    case Fault::kCorrupt:
      return "corrupt";
    case Fault::kNever:
      return "refused";
  }
  return "refused";
}

bool MayBeOneMembersFault(absl::string_view sqlstate) {
  // cardinality_violation, data_exception, integrity_constraint_violation, program_limit_exceeded, data_corrupted,
  // index_corrupted
  constexpr std::array<absl::string_view, 6> kPrefixes = {"21", "22", "23", "54", "XX001", "XX002"};
  return std::any_of(kPrefixes.begin(), kPrefixes.end(),
                     [sqlstate](absl::string_view prefix) { return absl::StartsWith(sqlstate, prefix); });
}

}  // namespace authstate::storage

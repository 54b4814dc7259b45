#ifndef AUTHSTATE_STORAGE_POSTGRES_PG_FAILURE_H_
#define AUTHSTATE_STORAGE_POSTGRES_PG_FAILURE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/postgres/sqlstate.h"

namespace authstate::storage {

// Why a statement failed. Plain data; holds nothing of what the database said but its SQLSTATE, as the rest may quote
// values.
struct Failure {
  Fault fault = Fault::kNever;
  // Empty when the error did not come from the server.
  std::string sqlstate;
  // Whether the statement may have reached the database.
  bool sent = false;
  // Whether it was cut off because its deadline passed.
  bool overran = false;
  // How long the database is left alone before the next connection is tried; zero when that is not so.
  absl::Duration wait;
};

// Whether a statement that commits by itself may have been applied.
bool InDoubt(const Failure& failure);

// For callers, with reason, and a retry delay where waiting helps; without an outcome, which only commits have.
absl::Status ToStatus(const Failure& failure);

// ToStatus, with the outcome of a commit.
absl::Status ToCommitStatus(const Failure& failure);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_PG_FAILURE_H_

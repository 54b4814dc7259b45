#ifndef AUTHSTATE_MIGRATIONS_TABLES_WAY_BACK_H_
#define AUTHSTATE_MIGRATIONS_TABLES_WAY_BACK_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "migrations/tables/table_move.h"
#include "migrations/tables/verification.h"

namespace authstate::tables {

// What others have done to the former database since `verification`, which found both equal, and what the way back
// would undo: `clients: id=17`, a row that was written there and is another here; `clients: id=17 (deleted)`, one that
// was deleted there and is here. Up to `most`. `move` is the way back: its source is the verification's target.
//
// A row's transaction id tells when it was written. Of a row that was deleted there nothing is left but its copy here:
// if that was not written since, the row is named. If it was, it looks like one that is new here: such rows are told by
// their number alone, less those that were inserted there and here alike. `accepted` may have `clients.deleted`: what
// was deleted there is not looked for.
absl::StatusOr<std::vector<std::string>> WhatTheWayBackUndoes(const Verification& verification, const TableMove& move,
                                                              const std::vector<std::string>& accepted,
                                                              std::size_t most);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_WAY_BACK_H_

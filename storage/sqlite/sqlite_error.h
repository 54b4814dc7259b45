#ifndef AUTHSTATE_STORAGE_SQLITE_SQLITE_ERROR_H_
#define AUTHSTATE_STORAGE_SQLITE_SQLITE_ERROR_H_

#include <SQLiteCpp/Exception.h>

#include "absl/status/status.h"

namespace authstate::storage {

// The storage error for what SQLite reported. The message names SQLite's own word for the result code ("database or
// disk is full"), never a value.
absl::Status FromSqlite(const SQLite::Exception& exception);

// Runs `body`, which returns an absl::Status or StatusOr, at the edge of the driver: what it throws becomes a status.
template <typename Body>
auto CatchSqlite(Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const SQLite::Exception& exception) {
    return FromSqlite(exception);
  }
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_SQLITE_ERROR_H_

#include "storage/sqlite/sqlite_error.h"

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr absl::Duration kRetryDelay = absl::Milliseconds(500);

}  // namespace

absl::Status FromSqlite(const SQLite::Exception& exception) {
  const int code = exception.getErrorCode();
  const std::string message = absl::StrCat("SQLite: ", sqlite3_errstr(code));
  switch (code) {
    case SQLITE_FULL:
      return Error(absl::StatusCode::kResourceExhausted, kDiskFull, message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
      return WithRetryDelay(Error(absl::StatusCode::kUnavailable, kDatabaseUnavailable, message), kRetryDelay);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(absl::StatusCode::kDataLoss, kCorruptValue, message);
    default:
      return Error(absl::StatusCode::kInternal, kDatabaseError, message);
  }
}

}  // namespace authstate::storage

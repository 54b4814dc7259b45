#ifndef AUTHSTATE_STORAGE_SQLITE_STORE_PLACE_H_
#define AUTHSTATE_STORAGE_SQLITE_STORE_PLACE_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace authstate::storage {

// The log of the database at `path`, where SQLite keeps it: beside what symbolic links lead to.
std::string LogPath(const std::string& path);

// Which files the names of a database and of its log led to when it was opened. A connection goes on with the files
// that it has open, wherever their names lead since; what it then writes is found by nobody who opens the database
// again. So a write is acknowledged only while both names lead to the same files as before. Thread-safe.
class StorePlace {
 public:
  // The files that are there now. NotFound and what else the system says.
  static absl::StatusOr<StorePlace> Of(const std::string& path);

  // Unavailable, reason kDatabaseMoved, unless both names lead to these files.
  absl::Status Check() const;

 private:
  struct File {
    std::string path;
    dev_t device;
    ino_t inode;
  };

  StorePlace(File database, File log) : database_(std::move(database)), log_(std::move(log)) {}

  static absl::StatusOr<File> Find(const std::string& path);
  static bool IsInPlace(const File& file);

  File database_;
  File log_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_STORE_PLACE_H_

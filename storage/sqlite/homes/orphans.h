#ifndef AUTHSTATE_STORAGE_SQLITE_HOMES_ORPHANS_H_
#define AUTHSTATE_STORAGE_SQLITE_HOMES_ORPHANS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keyring/keyring.h"
#include "storage/backend.h"

namespace authstate::storage {

// What a near store could not flush of a session, as others had taken that, and has put aside (HomeChange::kLose).
struct OrphanSummary {
  // Within the file; grows.
  std::uint64_t id = 0;
  std::string session_id;
  // What the session had come to here, and what of it was flushed.
  std::uint64_t revision = 0;
  std::uint64_t flushed_revision = 0;
  // When it was found to be lost, by the clock of the server, and to whom; empty: it was nobody's then.
  absl::Time lost_time;
  std::string taken_by;
  // Whether creds were set, and how many keys; and how much of either was deleted. What was written more than once
  // counts once.
  bool sets_creds = false;
  bool deletes_creds = false;
  std::uint64_t sets = 0;
  std::uint64_t deletes = 0;
  // Whether all keys that there were were deleted first.
  bool clears_keys = false;
};

struct Orphan {
  OrphanSummary summary;
  std::optional<Value> creds;
  std::vector<KeyWrite> sets;
  std::vector<KeyName> deletes;
};

// The orphans of a file of write-behind. Not thread-safe; blocks. All fail as the SQLite driver does.
class OrphanFile {
 public:
  // Looks may be taken beside the server of the file, which sees and misses nothing of it. To change something the
  // server has to be stopped: FailedPrecondition while it is not, and it is kept from starting meanwhile.
  enum class Purpose : std::uint8_t { kLook, kChange };

  // NotFound when there is no file, FailedPrecondition when it is none of write-behind (reason kNearStoreMismatch) or
  // of another schema (kSchemaUnknown).
  static absl::StatusOr<std::unique_ptr<OrphanFile>> Open(const std::string& path, Purpose purpose);
  virtual ~OrphanFile() = default;

  virtual absl::StatusOr<std::vector<OrphanSummary>> List() = 0;
  // All of one. NotFound when there is none; DataLoss when it is damaged, or sealed and `keyring` (null: there is none)
  // has not its key.
  virtual absl::StatusOr<Orphan> Read(std::uint64_t id, std::shared_ptr<const Keyring> keyring) = 0;
  // NotFound when there is none.
  virtual absl::Status Discard(std::uint64_t id) = 0;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_HOMES_ORPHANS_H_

#ifndef AUTHSTATE_STORAGE_MOVING_SESSION_DIGEST_H_
#define AUTHSTATE_STORAGE_MOVING_SESSION_DIGEST_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "contract/value.h"
#include "storage/backend.h"

// A checksum of what a session keeps that is the same in every layout. A native table keeps JSON text as it is; JSONB
// re-orders members, drops all but the last of a name, and rewrites numbers and escapes. So JSON is hashed by what it
// means: members sorted, the last of a name, numbers as doubles, strings unescaped. Raw values are hashed byte for
// byte. Hashes are 256-bit BLAKE2b.
namespace authstate::storage {

struct SessionDigest {
  bool exists = false;
  std::uint64_t revision = 0;
  bool has_creds = false;
  std::uint64_t key_count = 0;
  // Its lease's, for a fence that is stale on one database must not be current on the other.
  std::uint64_t fence = 0;
  // Binary; empty without creds. That of the keys covers their names, types and values.
  std::string creds;
  std::string keys;

  // Whether both keep the same; revisions are a database's own.
  bool SameContent(const SessionDigest& other) const {
    return exists == other.exists && has_creds == other.has_creds && key_count == other.key_count &&
           fence == other.fence && creds == other.creds && keys == other.keys;
  }
};

// Hash of one value. InvalidArgument for JSON text that does not parse; the error does not quote it.
absl::StatusOr<std::string> DigestValue(const Value& value);

// Reads the session from one snapshot, page by page, holding about 1 MiB of values or one value, whichever is more.
// Blocks until then; fails as a Snapshot does. A session that is not there is no failure.
absl::StatusOr<SessionDigest> DigestSession(Backend& backend, const std::string& session_id, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_MOVING_SESSION_DIGEST_H_

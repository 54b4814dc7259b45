#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_SESSION_SUM_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_SESSION_SUM_H_

#include <sodium.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "client/cpp/types.h"
#include "contract/value.h"

namespace authstate::cli {

// What a backup counts of a session, and the checksum over it: BLAKE2b, 32 bytes, over
//
//   of the creds   "c", the kind of the value, its length, its bytes
//   of each key    "k", the length of the type and the type, the length of the id and the id, then as the creds
//
// in the order in which they are added. A kind is a byte (contract/value.h), a length 8 bytes, the least significant
// first. Not thread-safe.
class SessionSum {
 public:
  SessionSum();

  void AddCreds(const Value& creds);
  void AddKey(const client::KeyEntry& key);

  bool has_creds() const { return has_creds_; }
  std::uint64_t keys() const { return keys_; }
  std::uint64_t value_bytes() const { return value_bytes_; }
  // Nothing may be added after it.
  std::string Finish();

 private:
  void Add(absl::string_view text);
  void AddWithLength(absl::string_view text);
  void AddValue(const Value& value);

  crypto_generichash_state state_{};
  bool has_creds_ = false;
  std::uint64_t keys_ = 0;
  std::uint64_t value_bytes_ = 0;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_SESSION_SUM_H_

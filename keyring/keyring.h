#ifndef AUTHSTATE_KEYRING_KEYRING_H_
#define AUTHSTATE_KEYRING_KEYRING_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// The keys under which the data keys of sessions are wrapped (storage/sealing). They stay outside the database.
//
// A keyring is text:
//
//   # Whatever follows a # on a line of its own is for people.
//   active 2026-11
//   key 2026-11 6f1d…   (64 hexadecimal digits: 256 bits)
//   key 2025-06 a04b…
//
// `active` names the key that new data keys are wrapped under; the others open what was wrapped before. The line
// `plain` in its place says that new sessions are not encrypted any more. Lines come in any order, empty ones count for
// nothing, and a semicolon divides them as an end of line does, for where those cannot be written. An id has 1 to 32
// characters of A-Z a-z 0-9 . _ -
namespace authstate {

inline constexpr std::size_t kKeyringKeyBytes = 32;
inline constexpr std::size_t kMaxKeyringKeys = 64;
// What a keyring may have of text.
inline constexpr std::size_t kMaxKeyringText = std::size_t{64} << 10;

bool IsKeyringId(absl::string_view id);

// Constant once it is made, and thread-safe. Its keys are in memory that is locked, as far as RLIMIT_MEMLOCK lets it,
// left out of core dumps, and wiped in the end.
class Keyring {
 public:
  // InvalidArgument with the number of the line and what is wrong with it; no part of a key is ever told.
  static absl::StatusOr<std::shared_ptr<const Keyring>> Parse(absl::string_view text);

  // Empty: no key is, and new sessions are plain.
  const std::string& active() const { return active_; }
  // In the order of the text.
  const std::vector<std::string>& ids() const { return ids_; }
  // kKeyringKeyBytes of them; null when there is no such key.
  const unsigned char* Find(absl::string_view id) const;

 private:
  struct Free {
    void operator()(unsigned char* keys) const;
  };

  Keyring();

  std::string active_;
  std::vector<std::string> ids_;
  // The key of ids_[i] is the i-th.
  std::unique_ptr<unsigned char, Free> keys_;
};

// A new key as the line of a keyring: `key ID DIGITS`. Secret. `id` is one that IsKeyringId.
std::string NewKeyringLine(absl::string_view id);

// Overwrites a text that held keys.
void Wipe(std::string* text);

}  // namespace authstate

#endif  // AUTHSTATE_KEYRING_KEYRING_H_

#ifndef AUTHSTATE_CONTRACT_VALUE_H_
#define AUTHSTATE_CONTRACT_VALUE_H_

#include <cstdint>
#include <string>

namespace authstate {

// The two shapes of a stored value; the numbers are stored and must not change.
enum class ValueKind : std::uint8_t {
  // The value itself was a Buffer: `bytes` are its bytes.
  kRaw = 1,
  // Anything else: `bytes` are JSON text in the canonical form of contract/codec.h.
  kJson = 2,
};

// A stored value. Plain data: as thread-safe as a std::string.
struct Value {
  ValueKind kind = ValueKind::kRaw;
  std::string bytes;

  friend bool operator==(const Value& a, const Value& b) { return a.kind == b.kind && a.bytes == b.bytes; }
  friend bool operator!=(const Value& a, const Value& b) { return !(a == b); }
};

}  // namespace authstate

#endif  // AUTHSTATE_CONTRACT_VALUE_H_

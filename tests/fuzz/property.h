#ifndef AUTHSTATE_TESTS_FUZZ_PROPERTY_H_
#define AUTHSTATE_TESTS_FUZZ_PROPERTY_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/string_view.h"

namespace authstate::fuzz {

// Ends the process where a property does not hold; libFuzzer then keeps the input that showed it.
inline void Hold(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

inline absl::string_view TextOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Takes the first byte, 0 of an empty text: by it an input chooses what is done with the rest.
inline std::uint8_t TakeByte(absl::string_view* text) {
  if (text->empty()) return 0;
  const auto byte = static_cast<std::uint8_t>(text->front());
  text->remove_prefix(1);
  return byte;
}

}  // namespace authstate::fuzz

#endif  // AUTHSTATE_TESTS_FUZZ_PROPERTY_H_

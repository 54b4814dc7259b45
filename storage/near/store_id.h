#ifndef AUTHSTATE_STORAGE_NEAR_STORE_ID_H_
#define AUTHSTATE_STORAGE_NEAR_STORE_ID_H_

#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace authstate::storage {

// What tells a store from all others: 32 hexadecimal digits, of the randomness of the operating system.
inline std::string RandomStoreId() {
  std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) id += absl::StrFormat("%08x", static_cast<std::uint32_t>(source()));
  return id;
}

inline bool IsStoreId(absl::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_NEAR_STORE_ID_H_

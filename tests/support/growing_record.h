#ifndef AUTHSTATE_TESTS_SUPPORT_GROWING_RECORD_H_
#define AUTHSTATE_TESTS_SUPPORT_GROWING_RECORD_H_

#include <cstddef>
#include <random>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "contract/value.h"

namespace authstate::test {

// A record like that of a Signal session: chains under random public keys, one more with every turn. Not thread-safe.
class GrowingRecord {
 public:
  explicit GrowingRecord(std::size_t chains, unsigned seed = 1) : random_(seed) {
    for (std::size_t i = 0; i < chains; ++i) Turn();
  }

  void Turn() {
    constexpr std::size_t kKeyBytes = 32;
    std::string key(kKeyBytes, '\0');
    for (char& byte : key) byte = static_cast<char>(random_());
    absl::StrAppend(&chains_, R"(")", absl::Base64Escape(key), R"(":{"chainKey":{"counter":)", ++turns_,
                    R"(},"chainType":2,"messageKeys":{}},)");
  }

  Value value() const {
    return {ValueKind::kJson, absl::StrCat(R"({"turns":)", turns_, ",", chains_, R"("version":"v1"})")};
  }

 private:
  std::mt19937 random_;
  std::string chains_;
  int turns_ = 0;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_GROWING_RECORD_H_

#include "tests/fault/linearizability/stored_value.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/support/growing_record.h"

namespace authstate::test {
namespace {

constexpr char kEndOfName = '/';
// 26 kB, and more than storage::kPatchFrom when it is packed.
constexpr std::size_t kChains = 240;

const std::string& Tail() {
  static const std::string tail = GrowingRecord(kChains).value().bytes;
  return tail;
}

// As many in a row, so that a patch meets the base that it was made for also while others write in between.
constexpr int kInARow = 10;

bool IsLong(absl::string_view name) {
  int number = 0;
  return absl::SimpleAtoi(name.substr(name.rfind('.') + 1), &number) && number / kInARow % 2 == 1;
}

}  // namespace

std::string StoredValue(absl::string_view name) {
  return IsLong(name) ? absl::StrCat(name, absl::string_view(&kEndOfName, 1), Tail()) : std::string(name);
}

std::string NameOfStoredValue(absl::string_view stored) {
  const absl::string_view name = stored.substr(0, stored.find(kEndOfName));
  return StoredValue(name) == stored ? std::string(name) : absl::StrCat("damaged ", name);
}

}  // namespace authstate::test

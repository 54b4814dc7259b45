// Patched values: any base and patch as a database hands them out, and patches made of any change of a long value. The
// first byte of an input is the stored kind; the second, in units of 16 bytes, says how long the base is.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>

#include "storage/checksum.h"
#include "storage/packed_value.h"
#include "storage/postgres/layout/value_patch.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

using storage::PackedValue;
using storage::ValuePlace;

constexpr ValuePlace kPlace{"session", "session", "user_1.0"};
constexpr std::size_t kUnit = 16;

void CheckPatch(std::int64_t kind, absl::string_view base, absl::string_view patch) {
  const absl::StatusOr<Value> value = storage::ApplyPatch(kPlace, kind, base, patch);
  Hold(value.ok() || absl::IsDataLoss(value.status()), "what cannot be read back is DataLoss");
}

// Long enough for patches, and of bytes that no compression makes less.
const std::string& LongBytes() {
  static const auto* const bytes = [] {
    std::mt19937 random;  // NOLINT(bugprone-random-generator-seed,cert-msc51-cpp): the same in every run.
    auto* const made = new std::string(2 * storage::kPatchFrom, '\0');
    for (char& byte : *made) byte = static_cast<char>(random());
    return made;
  }();
  return *bytes;
}

// `change` is put over the long bytes, at the place that its first byte says.
void CheckChange(ValueKind kind, absl::string_view change) {
  const std::size_t place = TakeByte(&change) * kUnit;
  Value value{kind, LongBytes()};
  const PackedValue base = storage::PackValue(kPlace, value);
  Hold(storage::MayBeBase(base.kind, base.bytes), "a long value may be a base");
  value.bytes.replace(place, change.size(), change.data(), change.size());
  const std::optional<PackedValue> patch = storage::MakePatch(kPlace, base.bytes, value);
  if (!patch.has_value()) return;
  const absl::StatusOr<Value> back = storage::ApplyPatch(kPlace, patch->kind, base.bytes, patch->bytes);
  Hold(back.ok() && *back == value, "a patched value comes back");
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  absl::string_view bytes = authstate::fuzz::TextOf(data, size);
  const std::int64_t kind = authstate::fuzz::TakeByte(&bytes);
  authstate::fuzz::CheckChange(kind % 2 == 0 ? authstate::ValueKind::kRaw : authstate::ValueKind::kJson, bytes);
  const std::size_t base = authstate::fuzz::TakeByte(&bytes) * authstate::fuzz::kUnit;
  authstate::fuzz::CheckPatch(kind, bytes.substr(0, base), base < bytes.size() ? bytes.substr(base) : "");
  return 0;
}

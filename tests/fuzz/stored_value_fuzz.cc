// Stored values: what a database hands out as one, whatever that is. The first byte of an input is the stored kind.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "storage/checksum.h"
#include "storage/packed_value.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

using storage::PackedValue;
using storage::ValuePlace;

constexpr ValuePlace kPlace{"session", "pre-key", "1"};

void CheckUnpacking(std::int64_t kind, const std::string& bytes) {
  (void)storage::UnpackedSize(kind, bytes);
  const absl::StatusOr<Value> value = storage::UnpackValue(kPlace, kind, bytes);
  Hold(value.ok() || absl::IsDataLoss(value.status()), "what cannot be read back is DataLoss");
}

// Fuzzing finds no checksum that fits: here one does, so that what lies behind it is reached.
void CheckFrame(std::int64_t kind, std::string frame) {
  const absl::StatusOr<std::string> unpacked = storage::UnpackBytes(frame);
  Hold(unpacked.ok() || absl::IsDataLoss(unpacked.status()), "a frame that cannot be read is DataLoss");
  if (!unpacked.ok()) return;
  const Value value{kind == 3 ? ValueKind::kRaw : ValueKind::kJson, *unpacked};
  storage::AppendTrailer(kPlace, value, &frame);
  CheckUnpacking(kind, frame);
}

void CheckPacking(ValueKind kind, absl::string_view bytes) {
  const Value value{kind, std::string(bytes)};
  const PackedValue packed = storage::PackValue(kPlace, value);
  const absl::StatusOr<Value> back = storage::UnpackValue(kPlace, packed.kind, packed.bytes);
  Hold(back.ok() && *back == value, "a packed value comes back");
  const ValuePlace elsewhere{"session", "pre-key", "2"};
  Hold(absl::IsDataLoss(storage::UnpackValue(elsewhere, packed.kind, packed.bytes).status()),
       "a value that stands elsewhere is DataLoss");
}

}  // namespace
}  // namespace authstate::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  absl::string_view bytes = authstate::fuzz::TextOf(data, size);
  const std::int64_t kind = authstate::fuzz::TakeByte(&bytes);
  authstate::fuzz::CheckUnpacking(kind, std::string(bytes));
  authstate::fuzz::CheckFrame(3 + kind % 2, std::string(bytes));
  authstate::fuzz::CheckPacking(kind % 2 == 0 ? authstate::ValueKind::kRaw : authstate::ValueKind::kJson, bytes);
  return 0;
}

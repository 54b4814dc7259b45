#include "storage/postgres/layout/value_patch.h"

#include <utility>

#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/sealing/sealed_value.h"

namespace authstate::storage {
namespace {

constexpr int kPatched = 4;  // What a kind has more when the value is patched.
constexpr int kPackedJson = static_cast<int>(ValueKind::kJson) + 2;
constexpr int kPackedRaw = static_cast<int>(ValueKind::kRaw) + 2;
constexpr int kLevel = 3;
// Base and value together are within the window, so all of the base can be referred to.
constexpr int kWindowLog = 21;
static_assert(std::size_t{1} << static_cast<unsigned>(kWindowLog) >= 2 * kPatchUpTo);

ZSTD_CCtx* Context() {
  thread_local const CompressionContext context = [] {
    CompressionContext made = NewCompressionContext(kLevel);
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_windowLog, kWindowLog);
    return made;
  }();
  return context.get();
}

// What a base holds. Which of the two kinds it has is not stored, as the row has that of the patch, and is of no
// account: its bytes are wanted.
absl::StatusOr<std::string> BytesOfBase(const ValuePlace& place, absl::string_view base, const DataKey* key) {
  if (key == nullptr) return UnpackBytes(base);
  absl::StatusOr<std::string> packed = OpenValue(*key, place, kPackedJson + kSealed, "", base);
  if (!packed.ok()) packed = OpenValue(*key, place, kPackedRaw + kSealed, "", base);
  if (!packed.ok()) return packed;
  return UnpackBytes(*packed);
}

}  // namespace

bool MayBeBase(std::int64_t kind, absl::string_view packed, std::size_t from) {
  if (IsSealedKind(kind)) kind -= kSealed;
  return (kind == kPackedRaw || kind == kPackedJson) && packed.size() >= from &&
         UnpackedSize(kind, packed) <= kPatchUpTo;
}

absl::string_view BaseMark(absl::string_view base) { return base.substr(base.size() - kBaseMarkBytes); }

std::optional<PackedValue> MakePatch(const ValuePlace& place, absl::string_view base, const Value& value,
                                     const DataKey* key) {
  if (value.bytes.size() > kPatchUpTo) return std::nullopt;
  const absl::StatusOr<std::string> from = BytesOfBase(place, base, key);
  if (!from.ok()) return std::nullopt;
  PackedValue patch{static_cast<std::int16_t>(static_cast<int>(value.kind) + kPatched), ""};
  AppendLength(value.bytes.size(), &patch.bytes);
  patch.bytes.resize(base.size() / kLeastBasesPerPatch);
  ZSTD_CCtx* const context = Context();
  // What has failed before is still under way there, and lets no prefix in.
  ZSTD_CCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_CCtx_refPrefix(context, from->data(), from->size());
  // Fails when the frame does not fit, which is what is to be found out.
  const std::size_t frame = ZSTD_compress2(context, patch.bytes.data() + kLengthBytes,
                                           patch.bytes.size() - kLengthBytes, value.bytes.data(), value.bytes.size());
  if (ZSTD_isError(frame) != 0) return std::nullopt;
  patch.bytes.resize(kLengthBytes + frame);
  Finish(place, value, BaseMark(base), key, &patch);
  return patch;
}

bool IsPatchedKind(std::int64_t kind) {
  if (IsSealedKind(kind)) kind -= kSealed;
  return kind == static_cast<int>(ValueKind::kRaw) + kPatched || kind == static_cast<int>(ValueKind::kJson) + kPatched;
}

absl::StatusOr<Value> ApplyPatch(const ValuePlace& place, std::int64_t kind, absl::string_view base,
                                 absl::string_view patch, const DataKey* key) {
  if (!IsPatchedKind(kind)) return UnknownValueKind(static_cast<int>(kind));
  if (IsSealedKind(kind) != (key != nullptr)) return DamagedValue();
  std::string opened;
  if (key != nullptr) {
    if (base.size() < kBaseMarkBytes) return DamagedValue();
    absl::StatusOr<std::string> packed = OpenValue(*key, place, static_cast<int>(kind), BaseMark(base), patch);
    if (!packed.ok()) return packed.status();
    opened = *std::move(packed);
    patch = opened;
    kind -= kSealed;
  }
  const absl::StatusOr<std::string> from = BytesOfBase(place, base, key);
  if (!from.ok()) return from.status();
  if (UnpackedSize(kPackedRaw, patch) > kPatchUpTo) return DamagedValue();
  absl::StatusOr<std::string> bytes = UnpackBytes(patch, *from);
  if (!bytes.ok()) return bytes.status();
  Value value{static_cast<ValueKind>(kind - kPatched), *std::move(bytes)};
  if (ContradictsTrailer(place, value, patch)) return DamagedValue();
  return value;
}

}  // namespace authstate::storage

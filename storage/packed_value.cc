#include "storage/packed_value.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "storage/error.h"
#include "storage/sealing/sealed_value.h"

namespace authstate::storage {
namespace {

constexpr int kPacked = 2;  // What a kind has more when the value is packed.
constexpr unsigned kBitsOfByte = 8;
// On sessions the third level takes 1.6 times as long (180 against 290 MB/s) and saves four bytes of a thousand.
constexpr int kLevel = 1;

std::size_t ReadLength(absl::string_view bytes) {
  std::size_t length = 0;
  for (const char byte : bytes.substr(0, kLengthBytes)) {
    length = length << kBitsOfByte | static_cast<unsigned char>(byte);
  }
  return length;
}

bool IsKind(std::int64_t kind) {
  return kind == static_cast<int>(ValueKind::kRaw) || kind == static_cast<int>(ValueKind::kJson);
}

// A frame with one raw block (RFC 8878, 3.1.1), of less than kPackFrom bytes: what compression would make of them,
// where it gains nothing, in a hundredth of its time.
void AppendRawFrame(absl::string_view bytes, std::string* to) {
  constexpr std::size_t kOneByteSizes = 256;
  constexpr absl::string_view kMagic = "\x28\xB5\x2F\xFD";
  // A single segment, whose size has one byte, or two and counts from 256.
  constexpr char kSizeOfOneByte = 0x20;
  constexpr char kSizeOfTwoBytes = 0x60;
  if (bytes.size() < kOneByteSizes) {
    absl::StrAppend(to, kMagic);
    to->push_back(kSizeOfOneByte);
    to->push_back(static_cast<char>(bytes.size()));
  } else {
    absl::StrAppend(to, kMagic);
    to->push_back(kSizeOfTwoBytes);
    to->push_back(static_cast<char>(bytes.size() - kOneByteSizes));
    to->push_back(static_cast<char>((bytes.size() - kOneByteSizes) >> kBitsOfByte));
  }
  // The last block, raw.
  const std::size_t block = bytes.size() << 3U | 1U;
  for (unsigned i = 0; i < 3; ++i) to->push_back(static_cast<char>(block >> i * kBitsOfByte));
  absl::StrAppend(to, bytes);
}

void AppendCompressedFrame(absl::string_view bytes, std::string* to) {
  thread_local const CompressionContext context = NewCompressionContext(kLevel);
  const std::size_t start = to->size();
  to->resize(start + ZSTD_compressBound(bytes.size()));
  const std::size_t frame =
      ZSTD_compress2(context.get(), to->data() + start, to->size() - start, bytes.data(), bytes.size());
  // It cannot fail: there is room for the worst.
  to->resize(start + frame);
}

}  // namespace

PackedValue PackValue(const ValuePlace& place, const Value& value, const DataKey* key) {
  PackedValue packed{static_cast<std::int16_t>(static_cast<int>(value.kind) + kPacked), ""};
  AppendLength(value.bytes.size(), &packed.bytes);
  if (value.bytes.size() < kPackFrom) {
    AppendRawFrame(value.bytes, &packed.bytes);
  } else {
    AppendCompressedFrame(value.bytes, &packed.bytes);
  }
  Finish(place, value, "", key, &packed);
  return packed;
}

void Finish(const ValuePlace& place, const Value& value, absl::string_view base_mark, const DataKey* key,
            PackedValue* packed) {
  if (key == nullptr) return AppendTrailer(place, value, &packed->bytes);
  packed->kind = static_cast<std::int16_t>(packed->kind + kSealed);
  packed->bytes = SealValue(*key, place, packed->kind, base_mark, packed->bytes);
}

absl::StatusOr<Value> UnpackValue(const ValuePlace& place, std::int64_t kind, std::string bytes, const DataKey* key) {
  if (IsSealedKind(kind) != (key != nullptr)) return DamagedValue();
  if (key != nullptr) {
    absl::StatusOr<std::string> opened = OpenValue(*key, place, static_cast<int>(kind), "", bytes);
    if (!opened.ok()) return opened.status();
    bytes = *std::move(opened);
    kind -= kSealed;
  }
  if (IsKind(kind)) {
    if (HasTrailerNearEnd(bytes)) return DamagedValue();
    return Value{static_cast<ValueKind>(kind), std::move(bytes)};
  }
  if (!IsKind(kind - kPacked)) return UnknownValueKind(static_cast<int>(kind));
  absl::StatusOr<std::string> unpacked = UnpackBytes(bytes);
  if (!unpacked.ok()) return unpacked.status();
  Value value{static_cast<ValueKind>(kind - kPacked), *std::move(unpacked)};
  if (ContradictsTrailer(place, value, bytes)) return DamagedValue();
  return value;
}

absl::StatusOr<std::string> UnpackBytes(absl::string_view packed, absl::string_view prefix) {
  thread_local const std::unique_ptr<ZSTD_DCtx, std::size_t (*)(ZSTD_DCtx*)> context(ZSTD_createDCtx(), ZSTD_freeDCtx);
  const std::size_t length = ReadLength(packed);
  if (packed.size() < kLengthBytes || length > kMaxStoredValueBytes) return DamagedValue();
  std::string bytes(length, '\0');
  if (!prefix.empty()) {
    // What has failed before is still under way there, and lets no prefix in.
    ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
    ZSTD_DCtx_refPrefix(context.get(), prefix.data(), prefix.size());
  }
  const std::size_t unpacked = ZSTD_decompressDCtx(context.get(), bytes.data(), length, packed.data() + kLengthBytes,
                                                   packed.size() - kLengthBytes);
  if (ZSTD_isError(unpacked) != 0 || unpacked != length) return DamagedValue();
  return bytes;
}

std::size_t UnpackedSize(std::int64_t kind, absl::string_view bytes) {
  return IsKind(kind) ? bytes.size() : ReadLength(bytes);
}

void AppendLength(std::size_t length, std::string* to) {
  for (std::size_t i = kLengthBytes; i-- > 0;) to->push_back(static_cast<char>(length >> i * kBitsOfByte));
}

CompressionContext NewCompressionContext(int level) {
  CompressionContext context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  return context;
}

}  // namespace authstate::storage

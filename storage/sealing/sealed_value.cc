#include "storage/sealing/sealed_value.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "keyring/aead.h"
#include "storage/error.h"
#include "storage/packed_value.h"

namespace authstate::storage {
namespace {

constexpr int kFirstSealedKind = 7;
constexpr int kLastSealedKind = 10;

// Each part with its length where that is not fixed, so that no two read alike.
std::string Associated(const ValuePlace& place, int kind, absl::string_view base_mark, absl::string_view length) {
  return absl::StrCat("authstate value 1:", kind, ",", place.session_id.size(), ":", place.session_id,
                      place.type.size(), ":", place.type, place.id.size(), ":", place.id, length, base_mark);
}

}  // namespace

bool IsSealedKind(std::int64_t kind) { return kind >= kFirstSealedKind && kind <= kLastSealedKind; }

std::string SealValue(const DataKey& key, const ValuePlace& place, int kind, absl::string_view base_mark,
                      absl::string_view packed) {
  const absl::string_view length = packed.substr(0, kLengthBytes);
  std::string sealed(length);
  AppendSealed(key.bytes(), Associated(place, kind, base_mark, length), packed.substr(kLengthBytes), &sealed);
  return sealed;
}

absl::StatusOr<std::string> OpenValue(const DataKey& key, const ValuePlace& place, int kind,
                                      absl::string_view base_mark, absl::string_view sealed) {
  if (sealed.size() < kLengthBytes) return DamagedValue();
  const absl::string_view length = sealed.substr(0, kLengthBytes);
  std::optional<std::string> frame =
      OpenSealed(key.bytes(), Associated(place, kind, base_mark, length), sealed.substr(kLengthBytes));
  if (!frame.has_value()) return DamagedValue();
  return absl::StrCat(length, *frame);
}

}  // namespace authstate::storage

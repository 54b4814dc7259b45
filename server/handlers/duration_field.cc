#include "server/handlers/duration_field.h"

#include <cstdint>

#include "server/handlers/request_error.h"

namespace authstate::server {

absl::StatusOr<absl::Duration> DurationField(absl::string_view field, const google::protobuf::Duration& message) {
  constexpr std::int32_t kNanosOfASecond = 1'000'000'000;
  const std::int64_t seconds = message.seconds();
  const std::int32_t nanos = message.nanos();
  if (nanos <= -kNanosOfASecond || nanos >= kNanosOfASecond) {
    return InvalidField(field, "its nanos are not between -999999999 and 999999999");
  }
  if ((seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) {
    return InvalidField(field, "its seconds and nanos are of different signs");
  }
  return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
}

}  // namespace authstate::server

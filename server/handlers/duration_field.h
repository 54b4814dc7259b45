#ifndef AUTHSTATE_SERVER_HANDLERS_DURATION_FIELD_H_
#define AUTHSTATE_SERVER_HANDLERS_DURATION_FIELD_H_

#include <google/protobuf/duration.pb.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace authstate::server {

// The duration in `message`, of either sign. InvalidArgument, naming `field`, where it is none by the rules of
// google/protobuf/duration.proto: nanos beyond a second, or of another sign than the seconds.
absl::StatusOr<absl::Duration> DurationField(absl::string_view field, const google::protobuf::Duration& message);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_DURATION_FIELD_H_

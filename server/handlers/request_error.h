#ifndef AUTHSTATE_SERVER_HANDLERS_REQUEST_ERROR_H_
#define AUTHSTATE_SERVER_HANDLERS_REQUEST_ERROR_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// The error of a request that breaks the contract: InvalidArgument that knows which field is at fault.
namespace authstate::server {

// `field` is the path in the request, such as `sets[3].key.id`; the message becomes "<field>: <rule>".
absl::Status InvalidField(absl::string_view field, absl::string_view rule);

// The same error where the request at fault is itself the field `outer` of a larger one; any other status as it is.
absl::Status Within(absl::string_view outer, const absl::Status& status);

// The field of an error made by InvalidField.
std::optional<std::string> FieldOf(const absl::Status& status);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_REQUEST_ERROR_H_

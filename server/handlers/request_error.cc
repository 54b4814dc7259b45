#include "server/handlers/request_error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kFieldPayload = "authstate.server/field";

}  // namespace

absl::Status InvalidField(absl::string_view field, absl::string_view rule) {
  absl::Status status = absl::InvalidArgumentError(absl::StrCat(field, ": ", rule));
  status.SetPayload(kFieldPayload, absl::Cord(field));
  return status;
}

absl::Status Within(absl::string_view outer, const absl::Status& status) {
  const auto field = FieldOf(status);
  if (!field.has_value()) return status;
  const absl::string_view rule = status.message().substr(field->size() + absl::string_view(": ").size());
  return InvalidField(absl::StrCat(outer, ".", *field), rule);
}

std::optional<std::string> FieldOf(const absl::Status& status) {
  const auto field = status.GetPayload(kFieldPayload);
  if (!field.has_value()) return std::nullopt;
  return std::string(*field);
}

}  // namespace authstate::server

#include "client/cpp/messages/known_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cpp/error.h"

namespace authstate::client {
namespace {

std::vector<std::string> SetAbove(const google::protobuf::Message& request, std::uint32_t number) {
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  request.GetReflection()->ListFields(request, &fields);
  std::vector<std::string> names;
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (static_cast<std::uint32_t>(field->number()) > number) names.push_back(field->name());
  }
  return names;
}

}  // namespace

std::vector<std::string> IgnoredFields(const v1::ListSessionsRequest& request, std::uint32_t knows_fields_up_to) {
  constexpr std::uint32_t kFirstVersion = v1::ListSessionsRequest::kLeasedFieldNumber;
  return SetAbove(request, std::max(knows_fields_up_to, kFirstVersion));
}

std::vector<std::string> IgnoredFields(const v1::LoadSessionRequest& request, std::uint32_t knows_fields_up_to) {
  constexpr std::uint32_t kFirstVersion = v1::LoadSessionRequest::kFenceFieldNumber;
  return SetAbove(request, std::max(knows_fields_up_to, kFirstVersion));
}

absl::Status ServerTooOld(absl::string_view version, const std::vector<std::string>& ignored) {
  const std::string which = version.empty() ? "" : absl::StrCat(" (version ", version, ")");
  return WithReason(absl::FailedPreconditionError(absl::StrCat(
                        "the server", which, " is of an older version, which does not know ",
                        absl::StrJoin(ignored, ", "), " and answers as if that had not been asked for; upgrade it")),
                    kServerTooOld);
}

}  // namespace authstate::client

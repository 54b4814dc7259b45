#include "client/cpp/error.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "client/cpp/error_payload.h"
#include "google/rpc/error_details.pb.h"

namespace authstate::client {
namespace {

constexpr char kDomain[] = "authstate";
constexpr absl::string_view kField = "field";
constexpr absl::string_view kOutcome = "outcome";
constexpr absl::string_view kRevision = "revision";
constexpr absl::string_view kFence = "fence";
constexpr absl::string_view kOwner = "owner";
constexpr absl::string_view kRequestId = "request_id";
constexpr absl::string_view kNotAppliedText = "NOT_APPLIED";
constexpr absl::string_view kUnknownText = "UNKNOWN";

template <typename Detail>
std::optional<Detail> DetailOf(const absl::Status& status, absl::string_view type_url) {
  const auto payload = status.GetPayload(type_url);
  Detail detail;
  if (!payload.has_value() || !detail.ParseFromString(std::string(*payload))) return std::nullopt;
  return detail;
}

std::optional<std::string> MetadataOf(const absl::Status& status, absl::string_view name) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status, kErrorInfoUrl);
  if (!info.has_value()) return std::nullopt;
  const auto entry = info->metadata().find(std::string(name));
  if (entry == info->metadata().end()) return std::nullopt;
  return entry->second;
}

std::optional<std::uint64_t> NumberOf(const absl::Status& status, absl::string_view name) {
  const std::optional<std::string> text = MetadataOf(status, name);
  std::uint64_t number = 0;
  if (!text.has_value() || !absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

}  // namespace

std::optional<std::string> ReasonOf(const absl::Status& status) {
  const auto info = DetailOf<google::rpc::ErrorInfo>(status, kErrorInfoUrl);
  if (!info.has_value() || info->reason().empty()) return std::nullopt;
  return info->reason();
}

std::optional<std::string> FieldOf(const absl::Status& status) { return MetadataOf(status, kField); }

std::optional<Outcome> OutcomeOf(const absl::Status& status) {
  const std::optional<std::string> text = MetadataOf(status, kOutcome);
  if (!text.has_value()) return std::nullopt;
  return *text == kNotAppliedText ? Outcome::kNotApplied : Outcome::kUnknown;
}

std::optional<std::uint64_t> RevisionOf(const absl::Status& status) { return NumberOf(status, kRevision); }

std::optional<std::uint64_t> FenceOf(const absl::Status& status) { return NumberOf(status, kFence); }

std::optional<std::string> OwnerOf(const absl::Status& status) { return MetadataOf(status, kOwner); }

std::optional<std::string> RequestIdOf(const absl::Status& status) { return MetadataOf(status, kRequestId); }

std::optional<absl::Duration> RetryDelayOf(const absl::Status& status) {
  const auto info = DetailOf<google::rpc::RetryInfo>(status, kRetryInfoUrl);
  if (!info.has_value()) return std::nullopt;
  return absl::Seconds(info->retry_delay().seconds()) + absl::Nanoseconds(info->retry_delay().nanos());
}

absl::Status WithReason(absl::Status status, absl::string_view reason) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(kDomain);
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

absl::Status WithOutcome(absl::Status status, Outcome outcome) {
  if (status.ok()) return status;
  auto info = DetailOf<google::rpc::ErrorInfo>(status, kErrorInfoUrl).value_or(google::rpc::ErrorInfo());
  const absl::string_view text = outcome == Outcome::kNotApplied ? kNotAppliedText : kUnknownText;
  (*info.mutable_metadata())[std::string(kOutcome)] = std::string(text);
  status.SetPayload(kErrorInfoUrl, absl::Cord(info.SerializeAsString()));
  return status;
}

}  // namespace authstate::client

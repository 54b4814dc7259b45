#include "client/cli/status_source.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/address.h"

namespace authstate::cli {
namespace {

constexpr int kOk = 200;
constexpr int kUnauthorized = 401;
constexpr int kForbidden = 403;
constexpr int kNotFound = 404;

absl::Status Wrong(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, "; it is http://host:port, https://host:port or unix:PATH"));
}

// Where a URL leads.
struct Place {
  std::string address;
  bool encrypted = false;
};

// nullopt: the scheme is none of ours.
std::optional<Place> PlaceOf(absl::string_view url) {
  if (absl::StartsWith(url, "unix:")) return Place{std::string(url)};
  Place place;
  place.encrypted = absl::ConsumePrefix(&url, "https://");
  if (!place.encrypted && !absl::ConsumePrefix(&url, "http://")) return std::nullopt;
  (void)absl::ConsumeSuffix(&url, "/");
  place.address = std::string(url);
  return place;
}

}  // namespace

absl::Status CheckStatusUrl(const std::string& url) {
  const std::optional<Place> place = PlaceOf(url);
  if (!place.has_value()) return Wrong("no such scheme");
  return CheckAddress(place->address).ok() ? absl::OkStatus() : Wrong("host or port is missing");
}

absl::StatusOr<client::HttpServer> StatusServer(const std::string& url, const std::optional<client::Tls>& tls,
                                                bool has_token, bool insecure) {
  const absl::Status checked = CheckStatusUrl(url);
  if (!checked.ok()) return checked;
  client::HttpServer server;
  const Place place = *PlaceOf(url);
  server.address = place.address;
  if (place.encrypted) {
    if (!tls.has_value()) return absl::InvalidArgumentError("https needs --ca: the authority of the server, or system");
    server.tls = tls;
  } else if (has_token && !insecure && !client::StaysOnThisMachine(server.address)) {
    return absl::InvalidArgumentError(absl::StrCat("the token would go to ", server.address,
                                                   " in plain text, where others can read it: ask by https, or give "
                                                   "--insecure"));
  }
  return server;
}

absl::StatusOr<Json> ReadStatus(const client::HttpServer& server, client::TokenSource* token, absl::Time deadline,
                                int cancelled) {
  std::string shown;
  if (token != nullptr) {
    absl::StatusOr<std::string> read = token->Token();
    if (!read.ok()) return read.status();
    shown = *std::move(read);
  }
  const absl::StatusOr<client::HttpAnswer> answer = client::HttpGet(server, "/status.json", shown, deadline, cancelled);
  if (!answer.ok()) return answer.status();
  const absl::string_view says = absl::StripAsciiWhitespace(answer->body);
  switch (answer->status) {
    case kOk:
      break;
    case kUnauthorized:
      return absl::UnauthenticatedError(says);
    case kForbidden:
      return absl::PermissionDeniedError(says);
    case kNotFound:
      return absl::UnimplementedError(absl::StrCat(server.address, " has no /status.json"));
    default:
      return absl::UnavailableError(absl::StrCat(server.address, " answers with status ", answer->status));
  }
  Json status = Json::parse(answer->body, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!status.is_object() || !status.contains("now")) {
    return absl::UnavailableError(
        absl::StrCat("what ", server.address, " answers is not the status of an authstated of this version"));
  }
  return status;
}

}  // namespace authstate::cli

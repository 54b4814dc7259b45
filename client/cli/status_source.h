#ifndef AUTHSTATE_CLIENT_CLI_STATUS_SOURCE_H_
#define AUTHSTATE_CLIENT_CLI_STATUS_SOURCE_H_

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/terminal/output.h"
#include "client/cpp/socket/http_get.h"
#include "client/cpp/tls.h"
#include "client/cpp/token.h"

namespace authstate::cli {

inline constexpr char kDefaultStatusUrl[] = "http://127.0.0.1:50080";

// Whether `url` is `http://host:port`, `https://host:port` or `unix:PATH`. InvalidArgument with what is wrong about it.
absl::Status CheckStatusUrl(const std::string& url);

// The server behind a URL. InvalidArgument as CheckStatusUrl; also for https without `tls`, and for http to another
// machine, where there is a `token` and not `insecure`.
absl::StatusOr<client::HttpServer> StatusServer(const std::string& url, const std::optional<client::Tls>& tls,
                                                bool has_token, bool insecure);

// What /status.json of the server tells (docs/status.md), an object. `token`: null, or whose token is shown. As
// client::HttpGet; Unauthenticated and PermissionDenied with what the server says where it tells nothing to this
// caller, Unimplemented where it has no such page.
absl::StatusOr<Json> ReadStatus(const client::HttpServer& server, client::TokenSource* token, absl::Time deadline,
                                int cancelled);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STATUS_SOURCE_H_

#include "server/http_port.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "profiles/database_options.h"
#include "server/access/credentials.h"
#include "server/access/refusals.h"
#include "server/connections/listening_sockets.h"
#include "server/exposure.h"
#include "server/http/page/status_page.h"
#include "server/log/logging.h"
#include "server/metrics/metrics_text.h"
#include "server/metrics/readiness.h"
#include "server/metrics/status_json.h"
#include "server/rpc/guard.h"
#include "storage/backend_targets.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr char kJson[] = "application/json";
constexpr char kText[] = "text/plain; charset=utf-8";
// The part of a path that is logged, as its client chooses it.
constexpr std::size_t kLoggedPath = 100;

Credentials CredentialsOf(const HttpRequest& request) {
  Credentials shown;
  shown.has_token = !request.authorization.empty();
  if (!shown.has_token) {
    for (const std::string& name : request.certificate_names) shown.certificate_names.push_back(CanonicalName(name));
  } else if (request.authorization.size() == 1) {
    // Where there are several, none is more the caller's than the others.
    shown.token = ParseAuthorization(request.authorization.front());
  }
  return shown;
}

// Clients have to show a certificate, and this one has shown none, or none that an authority of clients has signed. On
// the port of gRPC no connection comes about then.
absl::Status NoCertificate() {
  return storage::Error(absl::StatusCode::kUnauthenticated, kCertificateUnknown,
                        "show a certificate that this server knows");
}

// SQLite files that this server writes, or would after a switch.
std::vector<std::string> FilesOf(const Options& options, const storage::BackendTargets& targets) {
  std::vector<std::string> files;
  for (const storage::TargetState& target : targets.ListTargets()) {
    if (target.name == profiles::NameOf(profiles::BackendChoice::kSqlite)) {
      files.push_back(options.databases.sqlite_path);
    }
  }
  if (!options.write_behind.empty()) files.push_back(options.write_behind);
  return files;
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpPort>> HttpPort::Open(const Options& options, const Observed& server,
                                                         storage::Backend* backend, storage::DeadlineTimer& timer) {
  const std::optional<ListenAddress> address = HttpListenOf(options);
  if (!address.has_value()) return nullptr;
  absl::StatusOr<ListeningSockets> sockets = ListeningSockets::Open(*address);
  if (!sockets.ok() && options.http_listen == kDefaultHttpListen) {
    Log(LogLevel::kWarn, "no metrics: their address cannot be had; give --http-listen another one, or off",
        {{"error", std::string(sockets.status().message())}});
    return nullptr;
  }
  if (!sockets.ok()) return sockets.status();
  const bool exposed = sockets->beyond_loopback();
  std::unique_ptr<HttpPort> port(new HttpPort(server, exposed, backend, timer));
  port->server_.files = FilesOf(options, *server.targets);
  for (const absl::string_view file : absl::StrSplit(options.backup_metrics, ',', absl::SkipWhitespace())) {
    port->server_.backup_metrics.emplace_back(absl::StripAsciiWhitespace(file));
  }
  if (!options.write_behind.empty()) {
    port->server_.write_behind_max_bytes = options.write_behind_max_bytes;
    port->server_.write_behind_max_age = options.write_behind_max_age;
  }
  auto http = HttpServer::Start(
      *std::move(sockets), exposed ? server.certificates : nullptr,
      [port = port.get()](const HttpRequest& request) { return port->Answer(request); }, timer);
  if (!http.ok()) return http.status();
  port->http_ = *std::move(http);
  Log(LogLevel::kInfo, "metrics and health over HTTP", {{"address", port->http_->address()}});
  return port;
}

HttpPort::HttpPort(const Observed& server, bool guarded, storage::Backend* backend, storage::DeadlineTimer& timer)
    : sessions_(backend, timer),
      server_(server),
      history_([this] { return ReadForHistory(server_); }, timer),
      guarded_(guarded) {
  server_.sessions = &sessions_;
  server_.history = &history_;
}

HttpResponse HttpPort::Answer(const HttpRequest& request) const {
  if (request.lacks_certificate) return Refuse(request, NoCertificate());
  if (request.method != "GET" && request.method != "HEAD") return {405, kText, "there is nothing to change here\n"};
  const absl::Time now = absl::Now();
  if (request.path == "/livez") return {200, kText, "ok\n"};
  if (request.path == "/readyz") {
    return {server_.readiness->Reasons(now).empty() ? 200 : 503, kJson, ReadinessJson(server_, now)};
  }
  if (request.path == "/metrics") {
    return Guarded(request, &Caller::Authenticate, [this] {
      return HttpResponse{200, kMetricsType, MetricsText(server_)};
    });
  }
  if (request.path == "/status") return StatusPage();
  if (request.path == "/status.json") {
    return Guarded(request, &Caller::PermitAdmin, [this, now] {
      return HttpResponse{200, kJson, StatusJson(server_, now)};
    });
  }
  return {404, kText, "there are /livez, /readyz, /metrics, /status and /status.json\n"};
}

template <typename Page>
HttpResponse HttpPort::Guarded(const HttpRequest& request, absl::Status (Caller::*may)(), Page page) const {
  if (!guarded_) return page();
  Caller caller(*server_.access, CredentialsOf(request));
  const absl::Status permitted = (caller.*may)();
  if (permitted.ok()) return page();
  return Refuse(request, permitted, caller.name());
}

HttpResponse HttpPort::Refuse(const HttpRequest& request, const absl::Status& refusal,
                              const std::string& caller) const {
  server_.guard->counts()->CountRefusal(refusal);
  if (const auto unlogged = server_.guard->TakeLine(refusal)) {
    LogFields fields = {{"path", request.path.substr(0, kLoggedPath)},
                        {"peer", request.network},
                        {"reason", storage::ReasonOf(refusal).value_or("")},
                        {"error", std::string(refusal.message())}};
    if (!caller.empty()) fields.emplace_back("caller", caller);
    if (*unlogged > 0) fields.emplace_back("more_unlogged", absl::StrCat(*unlogged));
    Log(LogLevel::kWarn, "request over HTTP refused", fields);
  }
  return {absl::IsPermissionDenied(refusal) ? 403 : 401, kText, absl::StrCat(refusal.message(), "\n")};
}

}  // namespace authstate::server

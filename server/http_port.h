#ifndef AUTHSTATE_SERVER_HTTP_PORT_H_
#define AUTHSTATE_SERVER_HTTP_PORT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/caller.h"
#include "server/http/http_handler.h"
#include "server/http/http_server.h"
#include "server/metrics/history.h"
#include "server/metrics/observed.h"
#include "server/metrics/session_sampler.h"
#include "server/options.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"

namespace authstate::server {

// Answers, until it is destroyed, for who watches over the server:
//
//   /livez        200: the process runs
//   /readyz       200, or 503 with reasons: ReadinessJson
//   /metrics      MetricsText
//   /status       StatusPage
//   /status.json  StatusJson
//
// Where others than this machine can reach it, it speaks TLS if there are certificates, /metrics is for callers that
// the server knows, whatever rights they have, and /status.json for those with the right kAdmin; the others are for
// everybody, as health is on the port of gRPC. Where clients need a certificate, one without gets nothing at all.
class HttpPort {
 public:
  // `server` gets what `options` and the port itself know; `backend` is what sessions are listed from; both
  // outlive the port, as `timer` does. Null where none is wanted, or where another has the address that every server
  // tries for by default; Unavailable when another address cannot be had.
  static absl::StatusOr<std::unique_ptr<HttpPort>> Open(const Options& options, const Observed& server,
                                                        storage::Backend* backend, storage::DeadlineTimer& timer);

 private:
  HttpPort(const Observed& server, bool guarded, storage::Backend* backend, storage::DeadlineTimer& timer);

  HttpResponse Answer(const HttpRequest& request) const;
  template <typename Page>
  HttpResponse Guarded(const HttpRequest& request, absl::Status (Caller::*may)(), Page page) const;
  // Counts and logs that whoever asks may not have it; `caller` as Caller::name.
  HttpResponse Refuse(const HttpRequest& request, const absl::Status& refusal, const std::string& caller = "") const;

  const SessionSampler sessions_;
  Observed server_;
  const History history_;
  // Whether who asks has to be known.
  const bool guarded_;
  // Asks the others.
  std::unique_ptr<HttpServer> http_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HTTP_PORT_H_

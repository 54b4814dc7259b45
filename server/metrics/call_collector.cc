#include <cstddef>
#include <iterator>

#include "server/metrics/collectors.h"
#include "server/pipe/budget.h"
#include "server/rpc/guard.h"

namespace authstate::server {
namespace {

constexpr double kNanosecond = 1e-9;

void CollectMethods(const CallCounts& counts, MetricFamilies* families) {
  MetricFamilies::Family started = families->Counter(
      "grpc_server_started_total", "Calls that were begun, by method; health and reflection are not among them.");
  for (const CallCounts::OfMethod& call : counts.methods()) {
    started.Add(call.started.load(), {{"grpc_service", call.service}, {"grpc_method", call.method}});
  }
  MetricFamilies::Family ended =
      families->Counter("grpc_server_handled_total", "Calls that have ended, by the code that their caller was told.");
  for (const CallCounts::OfMethod& call : counts.methods()) {
    for (std::size_t code = 0; code < call.ended.size(); ++code) {
      ended.Add(call.ended.at(code).load(),
                {{"grpc_service", call.service}, {"grpc_method", call.method}, {"grpc_code", kCodeNames[code]}});
    }
  }
  MetricFamilies::Family seconds = families->Histogram(
      "grpc_server_handling_seconds", "How long calls took from the request to the answer; of streams, to their end.");
  for (const CallCounts::OfMethod& call : counts.methods()) {
    seconds.Add(call.seconds, kNanosecond, {{"grpc_service", call.service}, {"grpc_method", call.method}});
  }
}

}  // namespace

void CollectCalls(const Observed& server, MetricFamilies* families) {
  const CallCounts& counts = *server.guard->counts();
  CollectMethods(counts, families);

  MetricFamilies::Family operations = families->Counter(
      "authstate_pipe_operations_total", "Operations of pipes that have ended, by the code of their answer.");
  for (std::size_t i = 0; i < std::size(pipe::kOperations); ++i) {
    for (std::size_t code = 0; code < std::size(kCodeNames); ++code) {
      operations.Add(counts.operation(i).at(code).load(),
                     {{"operation", pipe::kOperations[i].name}, {"grpc_code", kCodeNames[code]}});
    }
  }
  families->Gauge("authstate_pipe_streams", "Streams of Pipe that are open.").Add(server.guard->open_streams());
  families->Gauge("authstate_pipe_channels", "Sessions that are attached to a stream of Pipe.")
      .Add(server.pipes->channels());
  families->Gauge("authstate_pipe_bytes", "Bytes of operations and answers that all pipes hold.")
      .Add(server.pipes->bytes());

  MetricFamilies::Family refused =
      families->Counter("authstate_refused_callers_total",
                        "Calls, operations and requests over HTTP that their caller may not have, by reason.");
  for (std::size_t i = 0; i < std::size(kRefusals); ++i) refused.Add(counts.refused(i), {{"reason", kRefusals[i]}});

  const Admission::Load load = server.guard->load();
  families->Gauge("authstate_requests_under_way", "Calls that are under way, each stream among them.")
      .Add(load.requests);
  families->Gauge("authstate_request_bytes_under_way", "Bytes of the requests that are under way.").Add(load.bytes);
}

}  // namespace authstate::server

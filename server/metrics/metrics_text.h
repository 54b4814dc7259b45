#ifndef AUTHSTATE_SERVER_METRICS_METRICS_TEXT_H_
#define AUTHSTATE_SERVER_METRICS_METRICS_TEXT_H_

#include <string>

#include "server/metrics/observed.h"

namespace authstate::server {

inline constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";

// All metrics of docs/metrics.md as they are now, in the text format of Prometheus. Asks no database.
std::string MetricsText(const Observed& server);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_METRICS_TEXT_H_

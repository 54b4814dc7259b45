#ifndef AUTHSTATE_SERVER_METRICS_STATUS_JSON_H_
#define AUTHSTATE_SERVER_METRICS_STATUS_JSON_H_

#include <string>

#include "absl/time/time.h"
#include "server/metrics/observed.h"

namespace authstate::server {

// How the server is, for programs and people, as an object of JSON; docs/status.md lists the fields. Asks no database.
std::string StatusJson(const Observed& server, absl::Time now);

// {"ready":true}, or false with the `reasons`, each of which has a `reason` and a `message`.
std::string ReadinessJson(const Observed& server, absl::Time now);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_STATUS_JSON_H_

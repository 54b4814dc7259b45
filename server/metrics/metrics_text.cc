#include "server/metrics/metrics_text.h"

#include <prometheus/text_serializer.h>

#include "server/metrics/collectors.h"

namespace authstate::server {

std::string MetricsText(const Observed& server) {
  MetricFamilies families;
  CollectCalls(server, &families);
  CollectStores(server, &families);
  CollectWriteBehind(server, &families);
  CollectBackups(server, &families);
  CollectProcess(server, &families);
  return prometheus::TextSerializer().Serialize(families.all());
}

}  // namespace authstate::server

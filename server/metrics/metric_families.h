#ifndef AUTHSTATE_SERVER_METRICS_METRIC_FAMILIES_H_
#define AUTHSTATE_SERVER_METRICS_METRIC_FAMILIES_H_

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/counts/histogram.h"

namespace authstate::server {

// The metrics of one scrape, in the model of prometheus-cpp, whose registry has no part in this: all numbers are kept
// where they come from. Not thread-safe.
class MetricFamilies {
 public:
  using Labels = std::vector<std::pair<absl::string_view, absl::string_view>>;

  // Values of one name. Valid until the next one is begun.
  class Family {
   public:
    explicit Family(prometheus::MetricFamily* family) : family_(*family) {}

    template <typename Number, typename = std::enable_if_t<std::is_arithmetic_v<Number>>>
    Family& Add(Number value, const Labels& labels = {}) {
      return AddValue(static_cast<double>(value), labels);
    }
    // What is counted in units of `unit`: 1e-9 for nanoseconds that are shown as seconds.
    Family& Add(const storage::Histogram& histogram, double unit, const Labels& labels = {});

   private:
    Family& AddValue(double value, const Labels& labels);

    prometheus::MetricFamily& family_;
  };

  // Names and help as docs/metrics.md has them.
  Family Counter(absl::string_view name, absl::string_view help);
  Family Gauge(absl::string_view name, absl::string_view help);
  Family Histogram(absl::string_view name, absl::string_view help);

  const std::vector<prometheus::MetricFamily>& all() const { return all_; }

 private:
  Family Begin(absl::string_view name, absl::string_view help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> all_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_METRIC_FAMILIES_H_

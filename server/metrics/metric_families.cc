#include "server/metrics/metric_families.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "contract/names.h"

namespace authstate::server {
namespace {

// A value that is not UTF-8, as a path may be, would have the whole scrape refused: of it the ASCII is told.
std::string LabelValue(absl::string_view value) {
  std::string shown(value);
  if (IsValidUtf8(value)) return shown;
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return !absl::ascii_isascii(static_cast<unsigned char>(c)); }, '?');
  return shown;
}

prometheus::ClientMetric Labelled(const MetricFamilies::Labels& labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({std::string(name), LabelValue(value)});
  return metric;
}

}  // namespace

MetricFamilies::Family& MetricFamilies::Family::AddValue(double value, const Labels& labels) {
  prometheus::ClientMetric metric = Labelled(labels);
  (family_.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  family_.metric.push_back(std::move(metric));
  return *this;
}

MetricFamilies::Family& MetricFamilies::Family::Add(const storage::Histogram& histogram, double unit,
                                                    const Labels& labels) {
  prometheus::ClientMetric metric = Labelled(labels);
  prometheus::ClientMetric::Histogram& shown = metric.histogram;
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    shown.sample_count += histogram.count(i);
    shown.bucket.push_back({shown.sample_count, static_cast<double>(histogram.bounds()[i]) * unit});
  }
  shown.sample_count += histogram.count(histogram.bounds().size());
  shown.sample_sum = static_cast<double>(histogram.sum()) * unit;
  family_.metric.push_back(std::move(metric));
  return *this;
}

MetricFamilies::Family MetricFamilies::Counter(absl::string_view name, absl::string_view help) {
  return Begin(name, help, prometheus::MetricType::Counter);
}

MetricFamilies::Family MetricFamilies::Gauge(absl::string_view name, absl::string_view help) {
  return Begin(name, help, prometheus::MetricType::Gauge);
}

MetricFamilies::Family MetricFamilies::Histogram(absl::string_view name, absl::string_view help) {
  return Begin(name, help, prometheus::MetricType::Histogram);
}

MetricFamilies::Family MetricFamilies::Begin(absl::string_view name, absl::string_view help,
                                             prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = std::string(name);
  family.help = std::string(help);
  family.type = type;
  return Family(&all_.emplace_back(std::move(family)));
}

}  // namespace authstate::server

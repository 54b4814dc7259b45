#include "storage/failpoints/failpoints.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace authstate::storage {
namespace {

std::optional<FailpointOrder> Parse(absl::string_view text) {
  using Action = FailpointOrder::Action;
  if (text == "crash") return FailpointOrder{Action::kCrash, {}};
  if (text == "error") return FailpointOrder{Action::kError, {}};
  if (text == "drop") return FailpointOrder{Action::kDrop, {}};
  FailpointOrder delay{Action::kDelay, {}};
  if (absl::ConsumePrefix(&text, "delay ") && absl::ParseDuration(text, &delay.delay)) return delay;
  return std::nullopt;
}

}  // namespace

absl::string_view NameOf(Failpoint point) {
  switch (point) {
    case Failpoint::kBeforeCommit:
      return "before-commit";
    case Failpoint::kAfterCommit:
      return "after-commit";
    case Failpoint::kBeforeRenewal:
      return "before-renewal";
    case Failpoint::kAfterRenewal:
      return "after-renewal";
    case Failpoint::kBeforeReply:
      return "before-reply";
  }
  return "";
}

std::optional<FailpointOrder> Failpoints::Take(Failpoint point) const {
  if (directory_.empty()) return std::nullopt;
  const std::string path = absl::StrCat(directory_, "/", NameOf(point));
  std::ifstream file(path);
  if (!file) return std::nullopt;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (unlink(path.c_str()) != 0) return std::nullopt;  // Another was quicker.
  const std::optional<FailpointOrder> order = Parse(absl::StripAsciiWhitespace(text));
  if (!order.has_value()) {
    std::fprintf(stderr, "%s: no such order\n", path.c_str());
    std::abort();
  }
  return order;
}

}  // namespace authstate::storage

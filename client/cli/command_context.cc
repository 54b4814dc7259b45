#include "client/cli/command_context.h"

#include <algorithm>

#include "client/cli/address.h"

namespace authstate::cli {
namespace {

// A person waits; a server that restarts is back by then.
constexpr absl::Duration kPatience = absl::Seconds(5);

}  // namespace

client::Client& CommandContext::client() {
  if (client_ == nullptr) {
    client::ClientOptions options;
    options.address = options_.address;
    options.deadline = options_.timeout;
    host_exists_ = CheckHostExists(options_.address);
    options.patience = host_exists_.ok() ? std::min(kPatience, options_.timeout) : absl::ZeroDuration();
    options.load_deadline = std::max(options.load_deadline, options_.timeout);
    client_ = std::make_unique<client::Client>(options);
  }
  return *client_;
}

}  // namespace authstate::cli

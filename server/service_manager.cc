#include "server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace authstate::server {
namespace {

int OpenSocket(const std::string& path) { return path.empty() ? -1 : socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

}  // namespace

ServiceManagerOptions ReadServiceManager(const std::vector<std::string>& environment) {
  ServiceManagerOptions options;
  std::int64_t microseconds = 0;
  std::int64_t watched = getpid();
  for (const std::string& entry : environment) {
    absl::string_view value = entry;
    if (absl::ConsumePrefix(&value, "NOTIFY_SOCKET=")) options.socket = std::string(value);
    if (absl::ConsumePrefix(&value, "WATCHDOG_USEC=") && !absl::SimpleAtoi(value, &microseconds)) microseconds = 0;
    if (absl::ConsumePrefix(&value, "WATCHDOG_PID=") && !absl::SimpleAtoi(value, &watched)) watched = 0;
  }
  if (!options.socket.empty() && watched == getpid() && microseconds > 0) {
    options.watchdog = absl::Microseconds(microseconds);
  }
  return options;
}

ServiceManager::ServiceManager(ServiceManagerOptions options, storage::DeadlineTimer& timer)
    : options_(std::move(options)), descriptor_(OpenSocket(options_.socket)) {
  // A sign that finds no room is followed by another one, and the timer's thread waits for nobody.
  if (options_.watchdog > absl::ZeroDuration()) {
    sign_of_life_.emplace(timer, [this] { Send("WATCHDOG=1", MSG_DONTWAIT); });
  }
}

ServiceManager::~ServiceManager() {
  sign_of_life_.reset();
  if (descriptor_ >= 0) close(descriptor_);
}

void ServiceManager::Ready(absl::string_view status) const { Send(absl::StrCat("READY=1\nSTATUS=", status), 0); }

void ServiceManager::Stopping() const { Send("STOPPING=1\nSTATUS=stopping", 0); }

void ServiceManager::ShowLife() {
  if (sign_of_life_.has_value()) sign_of_life_->Set(absl::InfinitePast());
}

absl::Duration ServiceManager::interval() const {
  return sign_of_life_.has_value() ? options_.watchdog / 2 : absl::InfiniteDuration();
}

void ServiceManager::Send(absl::string_view message, int flags) const {
  sockaddr_un address{};
  if (descriptor_ < 0 || options_.socket.size() >= sizeof(address.sun_path)) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, options_.socket.data(), options_.socket.size());
  // An abstract name begins with a zero byte, and ends where the length says.
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + options_.socket.size());
  (void)sendto(descriptor_, message.data(), message.size(), MSG_NOSIGNAL | flags,
               reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace authstate::server

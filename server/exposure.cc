#include "server/exposure.h"

#include "absl/strings/str_cat.h"
#include "server/access/access_list.h"
#include "server/log/logging.h"

namespace authstate::server {

ListenAddress ListenOf(const Options& options) { return {"--listen", options.listen}; }

std::optional<ListenAddress> HttpListenOf(const Options& options) {
  if (options.http_listen == kNoHttp) return std::nullopt;
  return ListenAddress{"--http-listen", options.http_listen};
}

std::vector<ListenAddress> AddressesOf(const Options& options) {
  std::vector<ListenAddress> addresses = {ListenOf(options)};
  if (const auto http = HttpListenOf(options)) addresses.push_back(*http);
  return addresses;
}

bool IsExposed(const ListenAddress& address) { return IsBeyondLoopback(address).value_or(true); }

absl::Status CheckPlainText(const ListenAddress& address, bool tls, bool allow_insecure) {
  if (tls) return absl::OkStatus();
  const absl::StatusOr<bool> beyond_loopback = IsBeyondLoopback(address);
  if (!beyond_loopback.ok() || !*beyond_loopback) return beyond_loopback.status();
  if (allow_insecure) {
    Log(LogLevel::kWarn, "serving without encryption on an address that others may reach", {{"address", address.text}});
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(address.option, " ", address.text,
                   ": others than this machine can reach that, and without TLS they can read all that is sent: give "
                   "--tls-certificate and --tls-key, or --allow-insecure where the network is secure itself"));
}

absl::Status CheckAccess(const ListenAddress& address, const AccessWatch::Current& access, bool allow_insecure) {
  if (access.list->version() > 0 || !IsExposed(address)) return absl::OkStatus();
  if (allow_insecure) {
    Log(LogLevel::kWarn, "nobody has been given rights: whoever reaches the address may do everything",
        {{"address", address.text}});
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      address.option, " ", address.text,
      ": others than this machine can reach that, and nobody has been given rights, so they could read all "
      "accounts: make a token (authstatectl token create --config FILE), or give --allow-insecure"));
}

}  // namespace authstate::server

#include "profiles/tls_policy.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/absolute_path.h"

namespace authstate::profiles {
namespace {

constexpr absl::string_view kModes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"};
constexpr absl::string_view kStrictest = "verify-full";
// From this version on libpq takes `sslrootcert=system`.
constexpr int kSystemRootsVersion = 160000;

std::string Option(BackendChoice choice, absl::string_view member) {
  return absl::StrCat("--", NameOf(choice), "-", member);
}

bool IsLoopbackAddress(const std::string& host) {
  in_addr address{};
  constexpr std::uint32_t kLoopbackNetwork = 127;
  constexpr int kNetworkShift = 24;
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) {
    return ntohl(address.s_addr) >> kNetworkShift == kLoopbackNetwork;
  }
  return host == "::1";
}

bool IsRemote(absl::string_view host) {
  // A directory of sockets, or an abstract socket.
  if (host.empty() || host.front() == '/' || host.front() == '@') return false;
  return host != "localhost" && !IsLoopbackAddress(std::string(host));
}

std::string WeaknessOf(absl::string_view sslmode) {
  if (sslmode == "disable") return "without TLS everybody on the way reads and changes what is sent";
  if (sslmode == "require") return "the server's certificate is not checked, so that anybody on the way may pose as it";
  if (sslmode == "verify-ca") {
    return "the server's name is not checked, so that others with a certificate may pose as it";
  }
  return "";
}

}  // namespace

bool HasRemoteHost(absl::string_view hosts) {
  const std::vector<absl::string_view> each = absl::StrSplit(hosts, ',');
  return std::any_of(each.begin(), each.end(), IsRemote);
}

absl::StatusOr<TlsMode> ChooseTlsMode(BackendChoice choice, absl::string_view hosts, absl::string_view named) {
  const bool remote = HasRemoteHost(hosts);
  if (named.empty()) {
    if (remote || choice != BackendChoice::kPostgres) return TlsMode{std::string(kStrictest), ""};
    // On the machine itself nobody can listen in: as libpq does by itself.
    return TlsMode{"prefer", ""};
  }
  if (std::find(std::begin(kModes), std::end(kModes), named) == std::end(kModes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Option(choice, "sslmode"),
                     ": one of disable, require, verify-ca and verify-full is expected, or prefer and "
                     "allow towards this machine itself"));
  }
  if (!remote) return TlsMode{std::string(named), ""};
  if (named == "prefer" || named == "allow") {
    return absl::InvalidArgumentError(absl::StrCat(
        Option(choice, "sslmode"), ": ", named,
        " would fall back to plain text in silence; say verify-full, or disable if that is what you mean"));
  }
  std::string weakness = WeaknessOf(named);
  return TlsMode{std::string(named),
                 weakness.empty() ? "" : absl::StrCat(Option(choice, "sslmode"), "=", named, ": ", weakness)};
}

bool VerifiesServer(absl::string_view sslmode) { return absl::StartsWith(sslmode, "verify-"); }

absl::Status CheckCaFile(BackendChoice choice, const std::string& path) {
  const std::string option = Option(choice, "ca-file");
  if (path.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        option,
        " is required: the PEM file of the authority that signed the server's certificate (your provider has "
        "it for download)"));
  }
  if (path == "system") {
    if (PQlibVersion() >= kSystemRootsVersion) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        option,
        ": this libpq does not know `system`; name /etc/ssl/certs/ca-certificates.crt to trust what the system "
        "trusts"));
  }
  std::ifstream file(path);
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": ", storage::AbsolutePath(path), ": ", std::strerror(errno)));
  }
  std::ostringstream text;
  text << file.rdbuf();
  if (!absl::StrContains(text.str(), "-----BEGIN CERTIFICATE-----") ||
      !absl::StrContains(text.str(), "-----END CERTIFICATE-----")) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": ", storage::AbsolutePath(path), ": no certificate in PEM format is in it"));
  }
  return absl::OkStatus();
}

}  // namespace authstate::profiles

#include "server/connections/connection_counters.h"

#include <arpa/inet.h>
#include <grpc/grpc.h>
#include <grpc/support/alloc.h>
#include <linux/sockios.h>
// Not netinet/tcp.h, whose tcp_info is older.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace authstate::server {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostNumbers = 20'000;

// Takes what a function of channelz returned. Null where it knows nothing of what was asked for.
Json TakeJson(char* text) {
  if (text == nullptr) return nullptr;
  Json json = Json::parse(text, /*callback=*/nullptr, /*allow_exceptions=*/false);
  gpr_free(text);
  return json.is_discarded() ? Json() : json;
}

// Numbers are strings in channelz, as in all JSON of protobuf. 0 where there is none.
std::int64_t Number(const Json& object, const char* name) {
  const auto found = object.find(name);
  std::int64_t number = 0;
  if (found != object.end() && found->is_string()) (void)absl::SimpleAtoi(found->get<std::string>(), &number);
  return number;
}

// The objects of an array; none where there is no such array.
Json Members(const Json& object, const char* name) {
  return object.is_object() ? object.value(name, Json::array()) : Json::array();
}

// A connection's name in channelz is `chttp2 ipv4:127.0.0.1:41234` or `chttp2 ipv6:%5B::1%5D:41234`.
std::string PeerInName(absl::string_view name) {
  const std::size_t scheme = name.find("ipv");
  if (scheme == absl::string_view::npos) return "";
  absl::string_view address = name.substr(scheme);
  address.remove_prefix(address.find(':') + 1);
  const std::size_t open = address.find("%5B");
  const std::size_t close = address.rfind("%5D");
  if (open == absl::string_view::npos || close == absl::string_view::npos) return std::string(address);
  return absl::StrCat("[", address.substr(open + 3, close - open - 3), "]", address.substr(close + 3));
}

}  // namespace

std::string PeerOf(int descriptor) {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);
  if (getpeername(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return "";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    return absl::StrCat(text.data(), ":", ntohs(v4.sin_port));
  }
  if (storage.ss_family != AF_INET6) return "";
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    return absl::StrCat(text.data(), ":", ntohs(v6.sin6_port));
  }
  inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  return absl::StrCat("[", text.data(), "]:", ntohs(v6.sin6_port));
}

std::optional<TcpCounters> ReadTcpCounters(int descriptor) {
  tcp_info info{};
  socklen_t length = sizeof(info);
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  int unread = 0;
  if (ioctl(descriptor, SIOCINQ, &unread) != 0) return std::nullopt;
  const std::uint64_t received = info.tcpi_bytes_received;
  return TcpCounters{received - std::min(received, static_cast<std::uint64_t>(unread)), info.tcpi_data_segs_out};
}

std::optional<std::int64_t> StreamCounterReader::TakeNumber(const std::string& peer) {
  if (!numbers_.contains(peer)) Learn();
  const auto found = numbers_.find(peer);
  if (found == numbers_.end()) return std::nullopt;
  const std::int64_t number = found->second;
  numbers_.erase(found);
  return number;
}

std::optional<StreamCounters> StreamCounterReader::Read(std::int64_t number) {
  const Json answer = TakeJson(grpc_channelz_get_socket(static_cast<intptr_t>(number)));
  if (!answer.is_object()) return std::nullopt;
  const Json data = answer.value("socket", Json::object()).value("data", Json::object());
  const auto counter = [&data](const char* name) { return static_cast<std::uint64_t>(Number(data, name)); };
  return StreamCounters{counter("streamsStarted"), counter("streamsSucceeded"), counter("streamsFailed"),
                        counter("messagesReceived")};
}

void StreamCounterReader::Learn() {
  // So many belong to connections that ended before anybody asked for their number.
  if (numbers_.size() > kMostNumbers) {
    numbers_.clear();
    next_number_ = 0;
  }
  std::int64_t first_unseen = next_number_;
  for (const Json& server : Members(TakeJson(grpc_channelz_get_servers(0)), "server")) {
    const std::int64_t id = Number(server.value("ref", Json::object()), "serverId");
    for (std::int64_t next = next_number_; true;) {
      const Json page =
          TakeJson(grpc_channelz_get_server_sockets(static_cast<intptr_t>(id), static_cast<intptr_t>(next),
                                                    /*max_results=*/0));
      for (const Json& socket : Members(page, "socketRef")) {
        const std::int64_t number = Number(socket, "socketId");
        // A later connection takes the place of an earlier one from the same port.
        numbers_[PeerInName(socket.value("name", ""))] = number;
        next = number + 1;
      }
      first_unseen = std::max(first_unseen, next);
      if (!page.is_object() || page.value("end", false) || Members(page, "socketRef").empty()) break;
    }
  }
  next_number_ = first_unseen;
}

}  // namespace authstate::server

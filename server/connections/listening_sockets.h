#ifndef AUTHSTATE_SERVER_CONNECTIONS_LISTENING_SOCKETS_H_
#define AUTHSTATE_SERVER_CONNECTIONS_LISTENING_SOCKETS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace authstate::server {

// An address to serve on, and the option that gives it, which errors name.
struct ListenAddress {
  absl::string_view option;
  // "host:port" or "unix:PATH".
  std::string text;
};

// Whether anybody but this machine may connect to `address`: true unless it is a unix socket, or every address that its
// host has is a loopback one. Unavailable, with the system's reason, when that cannot be told.
absl::StatusOr<bool> IsBeyondLoopback(const ListenAddress& address);

// Sockets that listen and do not block. Closes them; removes the file of a unix socket.
class ListeningSockets {
 public:
  // Listens on "host:port", on every address the host has (port 0: a free one; 0.0.0.0 and [::] are both all of the
  // machine, of either family), or "unix:PATH", where a socket that was left behind is replaced. Unavailable, with the
  // system's reason, when it cannot be had.
  static absl::StatusOr<ListeningSockets> Open(const ListenAddress& address);

  ~ListeningSockets();
  ListeningSockets(ListeningSockets&& other) = default;
  ListeningSockets& operator=(ListeningSockets&& other) = delete;
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;

  const std::vector<int>& descriptors() const { return descriptors_; }
  // The address as it was given, but with the port that the system chose where that was 0.
  const std::string& address() const { return address_; }
  // As IsBeyondLoopback, but of the sockets themselves: a name may have other addresses by now.
  bool beyond_loopback() const;

 private:
  ListeningSockets() = default;

  absl::Status OpenUnix(const std::string& path);
  absl::Status OpenPort(const std::string& host, const std::string& port);

  std::vector<int> descriptors_;
  std::string address_;
  // The file of a unix socket, to be removed at the end; empty for a port.
  std::string path_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_LISTENING_SOCKETS_H_

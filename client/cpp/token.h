#ifndef AUTHSTATE_CLIENT_CPP_TOKEN_H_
#define AUTHSTATE_CLIENT_CPP_TOKEN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace authstate::client {

// Gives the token by which a client says who it is, for each call anew. Thread-safe.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // InvalidArgument, with what is wrong and without the token, when there is none that could be sent.
  virtual absl::StatusOr<std::string> Token() = 0;
};

// One token for good.
std::shared_ptr<TokenSource> NewFixedToken(std::string token);

// The first line of a file, which is read again when it has changed: replace it, and the next call shows the new token.
// While the file cannot be read, or holds nothing that could be a token, the former one goes on.
std::shared_ptr<TokenSource> NewTokenFile(std::string path);

// Whether what is sent to `address` without TLS stays on this machine: a Unix socket, `localhost`, or an address of
// loopback. Other names are not looked up, as whoever answers for them could say anything.
bool StaysOnThisMachine(absl::string_view address);

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_TOKEN_H_

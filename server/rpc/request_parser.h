#ifndef AUTHSTATE_SERVER_RPC_REQUEST_PARSER_H_
#define AUTHSTATE_SERVER_RPC_REQUEST_PARSER_H_

#include <cstddef>

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}
namespace grpc {
class ByteBuffer;
}

namespace authstate::server {

// How many fields a request may have, those of its submessages included: fifty for each operation of the largest. An
// empty submessage of 2 bytes takes 50 times as many once it is parsed.
inline constexpr std::size_t kMaxRequestFields = 500'000;

// Parses `buffer` into `message`. Left to itself, gRPC answers a message that does not parse with UNIMPLEMENTED; here
// it is InvalidField: a string that is not UTF-8 is named by its path (`sets[3].key.id`), anything else is `request`,
// as is one with more fields than it may have, which is not parsed at all.
absl::Status ParseRequest(const grpc::ByteBuffer& buffer, google::protobuf::Message* message);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_REQUEST_PARSER_H_

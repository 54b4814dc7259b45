#ifndef AUTHSTATE_SERVER_REQUEST_PARSER_H_
#define AUTHSTATE_SERVER_REQUEST_PARSER_H_

#include "absl/status/status.h"

namespace google::protobuf {
class Message;
}
namespace grpc {
class ByteBuffer;
}

namespace authstate::server {

// Parses `buffer` into `message`. Left to itself, gRPC answers a message that does not parse with UNIMPLEMENTED; here
// it is InvalidField: a string that is not UTF-8 is named by its path (`sets[3].key.id`), anything else is `request`.
absl::Status ParseRequest(const grpc::ByteBuffer& buffer, google::protobuf::Message* message);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_REQUEST_PARSER_H_

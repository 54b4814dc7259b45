#include "server/request_parser.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <string>

#include "authstate/v1/auth_state_service.pb.h"
#include "server/request_error.h"

namespace authstate::server {
namespace {

absl::Status Parse(const std::string& bytes, v1::CommitRequest* request) {
  const grpc::Slice slice(bytes);
  return ParseRequest(grpc::ByteBuffer(&slice, 1), request);
}

TEST(RequestParserTest, AWellFormedMessageIsParsed) {
  v1::CommitRequest sent;
  sent.set_session_id("s");
  sent.add_deletes()->set_id("1");
  v1::CommitRequest got;
  ASSERT_TRUE(Parse(sent.SerializeAsString(), &got).ok());
  EXPECT_EQ(got.SerializeAsString(), sent.SerializeAsString());
}

TEST(RequestParserTest, AStringThatIsNotUtf8IsNamedByItsPath) {
  v1::CommitRequest sent;
  sent.set_session_id("s");
  for (const char* id : {"1", "2", "X"}) {
    sent.add_sets()->mutable_key()->set_id(id);
    sent.mutable_sets()->rbegin()->mutable_value()->set_json("{}");
  }
  std::string bytes = sent.SerializeAsString();
  bytes[bytes.rfind('X')] = '\xff';
  v1::CommitRequest got;
  const absl::Status status = Parse(bytes, &got);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(FieldOf(status), "sets[2].key.id");
  EXPECT_EQ(status.message(), "sets[2].key.id: is not valid UTF-8");
}

TEST(RequestParserTest, BytesThatAreNoMessageAreRefused) {
  v1::CommitRequest got;
  const absl::Status status = Parse("\x0a\x7fshort", &got);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(FieldOf(status), "request");
}

}  // namespace
}  // namespace authstate::server

#include "server/rpc/request_parser.h"

#include <gmock/gmock.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "authstate/v1/auth_state_service.pb.h"
#include "server/handlers/request_error.h"

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

// `count` copies, one after the other.
std::string Repeat(const std::string& bytes, std::size_t count) {
  std::string all;
  all.reserve(bytes.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += bytes;
  return all;
}

void ExpectTooManyFields(const std::string& bytes) {
  v1::CommitRequest got;
  const absl::Status status = Parse(bytes, &got);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(FieldOf(status), "request");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("more than 500000 fields"));
  EXPECT_EQ(got.ByteSizeLong(), 0U);
}

TEST(RequestParserTest, MoreFieldsThanThereMayBeAreNotParsed) {
  // In the bytes of a message: `sets` without anything, a field that is unknown, a group that is.
  const std::string empty_set("\x1a\x00", 2);
  const std::string unknown("\xf8\x7f\x01", 3);
  ExpectTooManyFields(Repeat(empty_set, kMaxRequestFields + 1));
  ExpectTooManyFields(Repeat(unknown, kMaxRequestFields + 1));
  ExpectTooManyFields("\x0b" + Repeat(unknown, kMaxRequestFields) + "\x0c");

  // One entry that has them all.
  v1::CommitRequest nested;
  v1::KeyEntry::GetReflection()->MutableUnknownFields(nested.add_sets())->AddVarint(100, 1);
  ExpectTooManyFields(Repeat(nested.SerializeAsString(), kMaxRequestFields / 2 + 1));
}

TEST(RequestParserTest, AsManyFieldsAsThereMayBeAreParsed) {
  v1::CommitRequest got;
  EXPECT_TRUE(Parse(Repeat(std::string("\x1a\x00", 2), kMaxRequestFields), &got).ok());
  EXPECT_EQ(static_cast<std::size_t>(got.sets_size()), kMaxRequestFields);
}

}  // namespace
}  // namespace authstate::server

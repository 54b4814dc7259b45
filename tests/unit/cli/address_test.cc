#include "client/cli/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace authstate::cli {
namespace {

using ::testing::HasSubstr;

TEST(AddressTest, HostsWithAPortAndSocketsAreTaken) {
  for (const std::string address :
       {"127.0.0.1:50051", "localhost:1", "db-1.internal:65535", "[::1]:50051", "unix:/run/authstate.sock"}) {
    const absl::Status status = CheckAddress(address);
    EXPECT_TRUE(status.ok()) << address << ": " << status;
  }
}

TEST(AddressTest, WhatIsWrongIsSaid) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"http://127.0.0.1:50051", "URL"}, {"https://authstate", "URL"},     {"127.0.0.1", "port is missing"},
      {"localhost", "port is missing"},  {"localhost:", "port is no"},     {"localhost:0", "port is no"},
      {"localhost:65536", "port is no"}, {"localhost:grpc", "port is no"}, {":50051", "host is missing"},
      {"", "port is missing"},           {"::1:50051", "brackets"},        {"unix:", "path is missing"}};
  for (const auto& [address, what] : wrong) {
    const absl::Status status = CheckAddress(address);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what)) << address;
  }
}

TEST(AddressTest, NumbersAndSocketsNeedNoName) {
  for (const std::string address : {"127.0.0.1:1", "[::1]:1", "unix:/nowhere"}) {
    EXPECT_TRUE(CheckHostExists(address).ok()) << address;
  }
}

TEST(AddressTest, NameThatCannotBeOneDoesNotExist) {
  // No resolver is asked for it: a label of a name has 63 bytes at most.
  EXPECT_TRUE(absl::IsNotFound(CheckHostExists(std::string(64, 'x') + ".invalid:50051")));
}

}  // namespace
}  // namespace authstate::cli

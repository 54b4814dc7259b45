#include "client/cpp/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

#include "client/cpp/client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/client/fake_store.h"

namespace authstate::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "as_abcdefghijklmnop_secret";

class TokenTest : public testing::Test {
 protected:
  std::string Written(const std::string& text) {
    test::ReplaceFile(path_, text);
    return path_;
  }

  test::TempDir directory_;
  const std::string path_ = directory_.File("token");
};

TEST_F(TokenTest, AFileGivesItsFirstLine) {
  EXPECT_EQ(NewTokenFile(Written("one\n"))->Token().value(), "one");
  EXPECT_EQ(NewTokenFile(Written(" two \r\nmore\n"))->Token().value(), "two");
  EXPECT_EQ(NewTokenFile(Written("three"))->Token().value(), "three");
}

TEST_F(TokenTest, AFileThatIsReplacedGivesTheNewOne) {
  const auto token = NewTokenFile(Written("one\n"));
  ASSERT_EQ(token->Token().value(), "one");
  (void)Written("two\n");
  EXPECT_EQ(token->Token().value(), "two");
}

TEST_F(TokenTest, WhileAFileHoldsNoTokenTheFormerOneGoesOn) {
  const auto token = NewTokenFile(Written("one\n"));
  ASSERT_EQ(token->Token().value(), "one");
  (void)Written("\n");
  EXPECT_EQ(token->Token().value(), "one");
  std::remove(path_.c_str());
  EXPECT_EQ(token->Token().value(), "one");
  (void)Written("two\n");
  EXPECT_EQ(token->Token().value(), "two");
}

TEST_F(TokenTest, WhatIsNoTokenIsSaidWithoutIt) {
  for (const std::string& text : {std::string("two words\n"), std::string("sp\xc3\xa4t\n"), std::string("\n"),
                                  std::string("x\0y\n", 4), std::string(2'000, 'x')}) {
    const auto token = NewTokenFile(Written(text))->Token();
    EXPECT_TRUE(absl::IsInvalidArgument(token.status())) << text;
    EXPECT_THAT(std::string(token.status().message()), HasSubstr(path_));
    EXPECT_THAT(std::string(token.status().message()), Not(HasSubstr("words")));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(NewTokenFile(Written(""))->Token().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NewTokenFile(directory_.File("absent"))->Token().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(NewFixedToken("line\nbreak")->Token().status()));
}

TEST_F(TokenTest, OnlyWhatCannotLeaveTheMachineStaysOnIt) {
  for (const char* const here :
       {"unix:/run/authstate.sock", "localhost:1", "LOCALHOST:1", "127.0.0.1:50051", "127.1.2.3:1", "[::1]:50051"}) {
    EXPECT_TRUE(StaysOnThisMachine(here)) << here;
  }
  for (const char* const there : {"db.example:1", "10.0.0.1:1", "0.0.0.0:1", "[::]:1", "[fe80::1]:1",
                                  "127.0.0.1.example:1", "127.example:1", "localhost.example:1", ""}) {
    EXPECT_FALSE(StaysOnThisMachine(there)) << there;
  }
}

TEST_F(TokenTest, EachCallShowsTheTokenOfItsTime) {
  FakeStore store;
  std::vector<std::string> shown;
  store.load_session = [&shown](grpc::ServerContext* context, grpc::ServerWriter<v1::LoadSessionResponse>* /*writer*/) {
    const auto& metadata = context->client_metadata();
    const auto found = metadata.find("authorization");
    shown.push_back(found == metadata.end() ? "" : std::string(found->second.data(), found->second.size()));
    return grpc::Status::OK;
  };
  ClientOptions options;
  options.address = store.address();
  options.token = NewTokenFile(Written("one\n"));
  Client client(options);
  const auto load = [&client] {
    const absl::Status loaded = client.LoadSession("s", 0, [](const SessionPage&) { return absl::OkStatus(); });
    EXPECT_TRUE(loaded.ok()) << loaded;
  };
  load();
  (void)Written("two\n");
  load();
  EXPECT_THAT(shown, ElementsAre("Bearer one", "Bearer two"));
}

TEST_F(TokenTest, NoTokenIsSentInPlainTextToAnotherMachine) {
  ClientOptions options;
  options.address = "192.0.2.1:50051";
  options.patience = absl::ZeroDuration();
  options.deadline = absl::Milliseconds(1);
  options.token = NewFixedToken(kToken);
  const absl::Status refused = Client(options).GetCreds("s").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("192.0.2.1:50051"));
  EXPECT_THAT(std::string(refused.message()), Not(HasSubstr("secret")));
  options.insecure_token = true;
  EXPECT_FALSE(absl::IsFailedPrecondition(Client(options).GetCreds("s").status()));
}

}  // namespace
}  // namespace authstate::client

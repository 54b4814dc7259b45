#include "client/cpp/socket/http_get.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace authstate::client {
namespace {

TEST(HttpGetTest, AnAnswerIsWholeWhereItHasTheLengthThatItTells) {
  const auto answer = ParseHttpAnswer("HTTP/1.1 401 Unauthorized\r\ncontent-LENGTH: 4 \r\nX: y\r\n\r\nno\r\n");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->body, "no\r\n");
}

TEST(HttpGetTest, WhatIsNoWholeAnswerIsUnavailable) {
  for (const std::string bytes :
       {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r\nall", "SSH-2.0-x\r\n\r\n",
        "HTTP/1.1 x OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ncut",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nmore", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"}) {
    EXPECT_TRUE(absl::IsUnavailable(ParseHttpAnswer(bytes).status())) << bytes;
  }
  const std::string endless = absl::StrCat("HTTP/1.1 200 OK\r\nX: ", std::string(std::size_t{9} << 20, 'x'));
  EXPECT_TRUE(absl::IsUnavailable(ParseHttpAnswer(endless).status()));
}

}  // namespace
}  // namespace authstate::client

#include "server/handlers/page_token.h"

#include <gtest/gtest.h>

#include "server/handlers/request_error.h"

namespace authstate::server {
namespace {

TEST(PageTokenTest, ComesBackAsTheSessionId) {
  const auto parsed = ParsePageToken(MakePageToken("company:962302@x"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, "company:962302@x");
}

// The tables of the legacy layout may hold such rows; a listing goes on behind them.
TEST(PageTokenTest, ComesBackAlsoAsAnIdThatNoRequestMayName) {
  const auto parsed = ParsePageToken(MakePageToken("tenant one"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, "tenant one");
}

TEST(PageTokenTest, AnythingElseIsRefused) {
  for (const char* token : {"x", "MQ==", "", "Mg==", "MXgAeA==", "****"}) {
    const auto parsed = ParsePageToken(token);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << token;
    EXPECT_EQ(FieldOf(parsed.status()), "page_token");
  }
}

}  // namespace
}  // namespace authstate::server

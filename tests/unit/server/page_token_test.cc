#include "server/page_token.h"

#include <gtest/gtest.h>

#include "server/request_error.h"

namespace authstate::server {
namespace {

TEST(PageTokenTest, ComesBackAsTheSessionId) {
  const auto parsed = ParsePageToken(MakePageToken("company:962302@x"));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, "company:962302@x");
}

TEST(PageTokenTest, AnythingElseIsRefused) {
  for (const char* token : {"x", "MQ==", "", "Mg==", "MXggeA==", "****"}) {
    const auto parsed = ParsePageToken(token);
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << token;
    EXPECT_EQ(FieldOf(parsed.status()), "page_token");
  }
}

}  // namespace
}  // namespace authstate::server

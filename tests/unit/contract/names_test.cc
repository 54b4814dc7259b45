#include "contract/names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "contract/limits.h"

namespace authstate {
namespace {

TEST(NamesTest, ASessionIdIsOneTo128BytesOfItsAlphabet) {
  EXPECT_TRUE(CheckSessionId("962302").ok());
  EXPECT_TRUE(CheckSessionId("A-z_0.9:x@y").ok());
  EXPECT_TRUE(CheckSessionId(std::string(kMaxSessionIdBytes, 'x')).ok());
  EXPECT_EQ(CheckSessionId("").message(), "empty");
  EXPECT_EQ(CheckSessionId(std::string(kMaxSessionIdBytes + 1, 'x')).message(), "longer than 128 bytes");
  for (const std::string& bad : std::vector<std::string>{"a b", "a/b", "a%b", "é", std::string("a\0b", 3), "a\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckSessionId(bad))) << bad;
  }
}

TEST(NamesTest, APrefixMayBeEmpty) {
  EXPECT_TRUE(CheckSessionIdPrefix("").ok());
  EXPECT_FALSE(CheckSessionIdPrefix("%").ok());
  EXPECT_FALSE(CheckSessionIdPrefix(std::string(kMaxSessionIdBytes + 1, 'x')).ok());
}

TEST(NamesTest, AnOwnerIsPrintableAscii) {
  EXPECT_TRUE(CheckOwner("host-1:4711:9f3c").ok());
  EXPECT_TRUE(CheckOwner(std::string(kMaxOwnerBytes, 'x')).ok());
  EXPECT_EQ(CheckOwner("").message(), "empty");
  EXPECT_EQ(CheckOwner(std::string(kMaxOwnerBytes + 1, 'x')).message(), "longer than 128 bytes");
  EXPECT_EQ(CheckOwner("a\nb").message(), "has a byte that is not printable ASCII");
}

TEST(NamesTest, AKeyTypeIsPrintableAscii) {
  EXPECT_TRUE(CheckKeyType("pre-key").ok());
  EXPECT_TRUE(CheckKeyType(" ~").ok());
  EXPECT_TRUE(CheckKeyType(std::string(kMaxKeyTypeBytes, 'x')).ok());
  EXPECT_FALSE(CheckKeyType("").ok());
  EXPECT_FALSE(CheckKeyType(std::string(kMaxKeyTypeBytes + 1, 'x')).ok());
  EXPECT_FALSE(CheckKeyType("tab\t").ok());
  EXPECT_FALSE(CheckKeyType("del\x7f").ok());
  EXPECT_FALSE(CheckKeyType("é").ok());
}

TEST(NamesTest, AKeyIdIsUtf8WithoutNul) {
  EXPECT_TRUE(CheckKeyId("group@g.us::user_1::0").ok());
  EXPECT_TRUE(CheckKeyId("AAAA/+==").ok());
  EXPECT_TRUE(CheckKeyId("ключ 🔑").ok());
  EXPECT_TRUE(CheckKeyId(std::string(kMaxKeyIdBytes, 'x')).ok());
  EXPECT_EQ(CheckKeyId(std::string(kMaxKeyIdBytes + 1, 'x')).message(), "longer than 512 bytes");
  EXPECT_EQ(CheckKeyId(std::string("a\0b", 3)).message(), "has a NUL byte");
  EXPECT_EQ(CheckKeyId("\xff").message(), "is not valid UTF-8");
}

TEST(NamesTest, Utf8IsStrict) {
  EXPECT_TRUE(IsValidUtf8("\xf4\x8f\xbf\xbf"));  // U+10FFFF
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3"}) {
    EXPECT_FALSE(IsValidUtf8(bad));
  }
}

}  // namespace
}  // namespace authstate

#include "profiles/secrets.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace authstate::profiles {
namespace {

TEST(MaskPasswordTest, EveryPlaceOfAPasswordIsMasked) {
  EXPECT_EQ(MaskPassword("postgresql://u:p@h/d"), "postgresql://u:***@h/d");
  EXPECT_EQ(MaskPassword("postgresql://u:p@ss@h/d"), "postgresql://u:***@h/d");
  EXPECT_EQ(MaskPassword("postgresql://u@h/d"), "postgresql://u@h/d");
  EXPECT_EQ(MaskPassword("postgresql://h:5432/d"), "postgresql://h:5432/d");
  EXPECT_EQ(MaskPassword("postgresql://h/d?user=u&password=p&sslmode=require"),
            "postgresql://h/d?user=u&password=***&sslmode=require");
  EXPECT_EQ(MaskPassword("host=h password=p user=u"), "host=h password=*** user=u");
  EXPECT_EQ(MaskPassword(R"(host=h password='a b\'c' user=u)"), "host=h password=*** user=u");
  EXPECT_EQ(MaskPassword("host=h sslpassword = p user=u"), "host=h sslpassword = *** user=u");
  EXPECT_EQ(MaskPassword(""), "");
}

std::vector<std::string> Hidden(std::vector<std::string> arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  HideSecretArguments(static_cast<int>(argv.size()), argv.data());
  return arguments;
}

TEST(HideSecretArgumentsTest, PasswordsAndUrlsOfEveryProfileAreOverwritten) {
  const std::vector<std::string> hidden = Hidden(
      {"authstated", "--timeweb-password", "abc", "--supabase-url=xy", "--postgres-url", "u", "--timeweb-host", "h"});
  EXPECT_EQ(hidden, (std::vector<std::string>{"authstated", "--timeweb-password", "***", "--supabase-url=**",
                                              "--postgres-url", "*", "--timeweb-host", "h"}));
}

TEST(HideSecretArgumentsTest, ATokenIsOverwrittenAndTheNameOfItsFileIsNot) {
  EXPECT_EQ(Hidden({"authstatectl", "--token", "as_a_b", "--token=as_c_d", "--token-file", "f"}),
            (std::vector<std::string>{"authstatectl", "--token", "******", "--token=******", "--token-file", "f"}));
}

TEST(HideSecretArgumentsTest, AnOptionWithoutItsValueIsLeftToTheParser) {
  EXPECT_EQ(Hidden({"authstated", "--timeweb-password"}).back(), "--timeweb-password");
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST(HideVariableTest, OverwritesTheValueAndTakesItAway) {
  ASSERT_EQ(setenv("AUTHSTATE_TEST_SECRET", "hunter2", /*replace=*/1), 0);
  const char* const value = std::getenv("AUTHSTATE_TEST_SECRET");
  HideVariable("AUTHSTATE_TEST_SECRET");
  EXPECT_EQ(std::getenv("AUTHSTATE_TEST_SECRET"), nullptr);
  EXPECT_STREQ(value, "*******");
  HideVariable("AUTHSTATE_TEST_SECRET");
}

TEST(KeepMemoryPrivateDeathTest, NoOtherProcessOfTheUserLooksIn) {
  ASSERT_EQ(prctl(PR_GET_DUMPABLE), 1);
  EXPECT_EXIT(
      {
        KeepMemoryPrivate();
        std::_Exit(prctl(PR_GET_DUMPABLE));
      },
      testing::ExitedWithCode(0), "");
}
#endif

}  // namespace
}  // namespace authstate::profiles

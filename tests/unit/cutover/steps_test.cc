#include "migrations/cutover/steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/support/temp_dir.h"

namespace authstate::cutover {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr char kOneStep[] = R"([[step]]
name = "maintenance-on"
about = "Writes wait."
run = "on"
check = "is-on"
undo = "off"
undone = "is-off"
at_most = "1m30s"
)";

std::string WhyNot(absl::string_view text) {
  const auto steps = ParseSteps(text);
  EXPECT_TRUE(absl::IsInvalidArgument(steps.status())) << steps.status();
  return std::string(steps.status().message());
}
// With `part` of kOneStep replaced.
std::string WhyNot(absl::string_view part, absl::string_view by) {
  return WhyNot(absl::StrReplaceAll(kOneStep, {{part, by}}));
}

TEST(StepsTest, AreInTheOrderOfTheFile) {
  const auto steps = ParseSteps(absl::StrCat("# The evening\n", kOneStep,
                                             "\n[[step]] # the second\nname='b'\nabout='B.'\nrun='r'\ncheck='c'\n"
                                             "at_most='24h'"));
  ASSERT_TRUE(steps.ok()) << steps.status();
  ASSERT_EQ(steps->steps.size(), 2U);
  const Step& first = steps->steps[0];
  EXPECT_EQ(first.name, "maintenance-on");
  EXPECT_EQ(first.about, "Writes wait.");
  EXPECT_EQ(first.run, "on");
  EXPECT_EQ(first.check, "is-on");
  EXPECT_EQ(first.undo, "off");
  EXPECT_EQ(first.undone, "is-off");
  EXPECT_EQ(first.at_most, absl::Seconds(90));
  EXPECT_EQ(steps->steps[1].name, "b");
  EXPECT_EQ(steps->steps[1].undo, "");
}

TEST(StepsTest, DigestIsThatOfTheFile) {
  // sha256sum
  EXPECT_EQ(ParseSteps(kOneStep)->digest, "df949234bcfc556acdfa643860376557ce1ce1c3737f6a6ea2550bfaab6b3848");
  EXPECT_NE(ParseSteps(absl::StrCat(kOneStep, "\n"))->digest, ParseSteps(kOneStep)->digest);
}

// What CLI11's parser would cut or divide.
TEST(StepsTest, CommandsStayWhole) {
  for (const auto& [written, command] : std::initializer_list<std::pair<std::string, std::string>>{
           {R"("psql -c 'SELECT 1, 2' # \"all\" of it")", "psql -c 'SELECT 1, 2' # \"all\" of it"},
           {R"('psql -c "SELECT 1" | sed s,a\b,, # all')", R"(psql -c "SELECT 1" | sed s,a\b,, # all)"},
           {"'''\nfor one in a b; do\n  echo \"it's $one\" # each\ndone'''",
            "for one in a b; do\n  echo \"it's $one\" # each\ndone"},
           {"\"\"\"a \\\n    b\\tc \"quoted\"\"\"\"", "a b\tc \"quoted\""},
       }) {
    const auto steps = ParseSteps(absl::StrReplaceAll(kOneStep, {{"\"off\"", written}}));
    ASSERT_TRUE(steps.ok()) << steps.status();
    EXPECT_EQ(steps->steps[0].undo, command);
  }
}

TEST(StepsTest, EachKeyIsNeededOrNot) {
  for (const std::string key : {"name", "about", "run", "check", "at_most"}) {
    EXPECT_THAT(WhyNot(absl::StrCat("\n", key, " ="), "\n# "), EndsWith(absl::StrCat(": ", key, ": is missing")))
        << key;
    EXPECT_THAT(WhyNot(absl::StrCat("\n", key, " ="), absl::StrCat("\n", key, " = \"\" # ")), HasSubstr(key)) << key;
  }
  EXPECT_TRUE(ParseSteps(absl::StrReplaceAll(kOneStep, {{"\nundone", "\n#"}})).ok());
  EXPECT_EQ(WhyNot("undo =", "#"), "step 1 (maintenance-on): undone: needs undo");
}

TEST(StepsTest, WrongOnesAreNamedWithStepAndKey) {
  EXPECT_EQ(WhyNot("undone", "until"), "step 1 (maintenance-on): until: is no key of a step");
  EXPECT_EQ(WhyNot("1m30s", "90"), "step 1 (maintenance-on): at_most: a time from 1ms to 24h is expected, such as 90s");
  EXPECT_THAT(WhyNot("1m30s", "0s"), HasSubstr("at_most: a time"));
  EXPECT_THAT(WhyNot("1m30s", "24h1s"), HasSubstr("at_most: a time"));
  EXPECT_EQ(WhyNot("maintenance-on", "Maintenance"),
            "step 1 (Maintenance): name: begins with a to z, and has only these, 0 to 9 and -");
  EXPECT_THAT(WhyNot("maintenance-on", "a_b"), HasSubstr("name: begins"));
  EXPECT_EQ(WhyNot(absl::StrCat(kOneStep, kOneStep)), "step 2 (maintenance-on): name: is that of an earlier step too");
}

TEST(StepsTest, WhatIsNoListOfStepsIsToldWithItsLine) {
  EXPECT_EQ(WhyNot(""), "it has no [[step]]");
  EXPECT_EQ(WhyNot("name = 'a'\n"), "line 1: name: only [[step]] may stand there");
  EXPECT_EQ(WhyNot("\n[step]\n"), "line 2: step: only [[step]] may stand there");
  EXPECT_EQ(WhyNot("step = ['a']\n"), "line 1: step: only [[step]] may stand there");
  EXPECT_THAT(WhyNot("[[step]]\n[table]\n"), HasSubstr("table: only [[step]]"));
  EXPECT_EQ(WhyNot("[[step]]\n\nat_most = 10\n"), "step 1: at_most: a text in quotes is expected");
  for (const char* text : {"[[step]]\nname\n", "[[step]]\nrun = 'a\n", "[[step]]\nrun = \"a\\q\"\n"}) {
    EXPECT_THAT(WhyNot(text), ::testing::StartsWith("line 2: ")) << text;
  }
  EXPECT_THAT(WhyNot("[[step]]\nrun = 'a'\nrun = 'b'\n"), ::testing::StartsWith("line 3: "));
}

TEST(StepsTest, FileIsNamed) {
  const test::TempDir directory;
  EXPECT_TRUE(absl::IsNotFound(ReadSteps(directory.File("absent")).status()));
  const std::string path = directory.File("evening.toml");
  std::ofstream(path) << "name";
  EXPECT_THAT(std::string(ReadSteps(path).status().message()), ::testing::StartsWith(absl::StrCat(path, ": line 1: ")));
  std::ofstream(path) << kOneStep;
  EXPECT_TRUE(ReadSteps(path).ok());
}

}  // namespace
}  // namespace authstate::cutover

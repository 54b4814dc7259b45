// What cmake/Hardening.cmake asks of compiler and linker, looked for in the programs that were built, and what the
// server gives up when it starts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;
using ::testing::AnyOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

class HardenedProgramsTest : public testing::TestWithParam<std::string> {
 protected:
  // What a program of binutils tells of ours.
  static std::string Told(std::vector<std::string> argv) {
    argv.push_back(test::ProgramPath(GetParam()));
    const auto process = Subprocess::Start({argv, {}});
    EXPECT_TRUE(process.ok()) << process.status();
    if (!process.ok()) return "";
    const auto exit = (*process)->Wait(absl::Minutes(1));
    EXPECT_TRUE(exit.ok() && exit->code == 0) << exit.status() << (*process)->output(Subprocess::Stream::kStderr);
    return (*process)->output(Subprocess::Stream::kStdout);
  }
};

TEST_P(HardenedProgramsTest, IsBoundWholeAtItsStartAndLoadedAnywhere) {
  const std::string told = Told({"readelf", "--wide", "--file-header", "--program-headers", "--dynamic"});
  EXPECT_THAT(told, ContainsRegex("FLAGS_1.*NOW.*PIE"));
  EXPECT_THAT(told, HasSubstr("GNU_RELRO"));
  EXPECT_THAT(told, ContainsRegex("GNU_STACK .* RW "));
  EXPECT_THAT(told, Not(ContainsRegex("LOAD .* RWE ")));
}

TEST_P(HardenedProgramsTest, ChecksItsStackAndItsBuffers) {
  const std::string told = Told({"readelf", "--wide", "--dyn-syms"});
  EXPECT_THAT(told, HasSubstr("__stack_chk_fail"));
  EXPECT_THAT(told, ContainsRegex("__[a-z]+_chk@"));
}

TEST_P(HardenedProgramsTest, ChecksWhereCallsLead) {
  EXPECT_THAT(Told({"objdump", "--disassemble=main", "--no-show-raw-insn"}),
              AnyOf(HasSubstr("endbr64"), HasSubstr("paciasp"), HasSubstr("bti")));
}

TEST(HardenedServerTest, WritesNoCoreFileWhereTheMachineWould) {
  const test::TempDir directory;
  const auto server = test::TestServer::Create(
      {{"--sqlite-path", directory.File("authstate.db")}, {}, "authstated", {"prlimit", "--core=unlimited"}});
  ASSERT_TRUE(server.ok()) << server.status();
  std::ifstream file(absl::StrCat("/proc/", (*server)->process().pid(), "/limits"));
  std::stringstream limits;
  limits << file.rdbuf();
  EXPECT_THAT(limits.str(), ContainsRegex("Max core file size +0 +0 "));
}

INSTANTIATE_TEST_SUITE_P(Programs, HardenedProgramsTest, testing::Values("authstated", "authstatectl"),
                         [](const auto& program) { return program.param; });

}  // namespace
}  // namespace authstate

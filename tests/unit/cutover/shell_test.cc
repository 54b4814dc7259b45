#include "migrations/cutover/shell.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/temp_dir.h"

namespace authstate::cutover {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);

absl::Status Uninterrupted() { return absl::OkStatus(); }

absl::Status RunSh(const std::string& command, absl::Duration at_most = kPatience) {
  return RunShell(command, absl::Now() + at_most, Uninterrupted);
}

class ShellTest : public testing::Test {
 protected:
  std::string Contents(const std::string& name) const {
    std::ifstream file(directory_.File(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // Waits until the process whose id is in a file has ended.
  void ExpectEnds(const std::string& name) const {
    const int pid = std::atoi(Contents(name).c_str());
    ASSERT_GT(pid, 0);
    const absl::Time give_up = absl::Now() + kPatience;
    while (Runs(pid) && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_FALSE(Runs(pid));
  }
  // Not so of one that has ended and that nobody has waited for, as in containers.
  static bool Runs(int pid) {
    std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
    const std::string stat(std::istreambuf_iterator<char>(file), {});
    return !stat.empty() && !absl::StrContains(stat, ") Z ");
  }

  const test::TempDir directory_;
  const std::string in_ = absl::StrCat("cd ", directory_.path(), "; ");
};

TEST_F(ShellTest, OutcomeIsTheExitCodeOrTheSignal) {
  EXPECT_TRUE(RunSh("true && [ -n \"$PATH\" ]").ok());
  EXPECT_EQ(RunSh("exit 3").message(), "exited with code 3");
  EXPECT_EQ(RunSh("kill -9 $$").message(), "was ended by signal 9");
  EXPECT_EQ(RunSh("no-such-program-is-there 2>/dev/null").message(), "exited with code 127");
}

TEST_F(ShellTest, OutputGoesToStandardErrorAndNothingIsRead) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const absl::Status status = RunSh("echo out; echo err >&2; cat");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "out\nerr\n");
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ShellTest, TooSlowIsEndedWithAllThatItHasStarted) {
  const absl::Status status = RunSh(in_ + "sleep 600 & echo $! >child; wait", absl::Milliseconds(300));
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  ExpectEnds("child");
}

TEST_F(ShellTest, InterruptedIsAskedToEndFirst) {
  const absl::Status status =
      RunShell(in_ + "trap 'echo asked >asked; exit 0' TERM; echo here >began; while :; do sleep 0.01; done",
               absl::InfiniteFuture(),
               [&] { return Contents("began").empty() ? absl::OkStatus() : absl::CancelledError("interrupted"); });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(Contents("asked"), "asked\n");
}

TEST_F(ShellTest, NothingBeginsOnceItIsInterrupted) {
  const absl::Status status =
      RunShell(in_ + "echo here >began", absl::InfiniteFuture(), [] { return absl::CancelledError("interrupted"); });
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  EXPECT_EQ(Contents("began"), "");
}

// A service that a step has started.
TEST_F(ShellTest, WhatACommandLeavesRunningGoesOn) {
  ASSERT_EQ(mkfifo(directory_.File("go").c_str(), 0600), 0);
  ASSERT_TRUE(RunSh(in_ + "(read word <go; echo $word >went) & echo $! >child").ok());
  std::ofstream(directory_.File("go")) << "on\n";
  ExpectEnds("child");
  EXPECT_EQ(Contents("went"), "on\n");
}

}  // namespace
}  // namespace authstate::cutover

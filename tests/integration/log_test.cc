// What the log of a server tells whoever has to find out what happened.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr absl::Duration kPatience = absl::Seconds(30);

class LogTest : public testing::Test {
 protected:
  void Start(std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"--sqlite-path", store_});
    auto server = TestServer::Create({std::move(options), {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // The lines with this message, once the server has ended.
  std::vector<nlohmann::json> LinesOf(absl::string_view message) {
    if (server_->process().running()) {
      EXPECT_TRUE(server_->Terminate().ok());
    }
    std::vector<nlohmann::json> lines;
    const std::string log = server_->process().output(Subprocess::Stream::kStderr);
    for (const absl::string_view line : absl::StrSplit(log, '\n', absl::SkipEmpty())) {
      auto entry = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
      EXPECT_TRUE(entry.is_object()) << line;
      const std::string text = entry.value("message", "");
      if (absl::string_view(text).substr(0, message.size()) == message) lines.push_back(std::move(entry));
    }
    return lines;
  }

  TempDir directory_;
  const std::string store_ = directory_.File("authstate.db");
  std::unique_ptr<TestServer> server_;
};

TEST_F(LogTest, ANewStoreIsWarnedOfByItsAbsolutePathWhereverTheServerWasStarted) {
  for (const bool made : {true, false}) {
    auto process = Subprocess::Start({{"/bin/sh", "-c", R"(cd "$1" && exec "$2" --listen 127.0.0.1:0)", "sh",
                                       directory_.path(), std::filesystem::absolute(ProgramPath("authstated"))},
                                      {}});
    ASSERT_TRUE(process.ok()) << process.status();
    const auto ready = (*process)->WaitForLine("authstated ready on", kPatience);
    ASSERT_TRUE(ready.ok()) << ready.status();
    EXPECT_THAT(*ready, EndsWith(absl::StrCat(", backend sqlite ", store_)));
    (*process)->Signal(SIGTERM);
    ASSERT_TRUE((*process)->Wait(kPatience).ok());
    const std::string log = (*process)->output(Subprocess::Stream::kStderr);
    const std::string warning = absl::StrCat(R"("level":"warn","message":"new, empty store at )", store_, "\"");
    EXPECT_EQ(absl::StrContains(log, warning), made) << log;
    EXPECT_THAT(log, HasSubstr(absl::StrCat(R"("location":")", store_, "\"")));
  }
}

TEST_F(LogTest, AStoreThatIsGoneIsRefusedInOneLine) {
  auto process = Subprocess::Start(
      {{ProgramPath("authstated"), "--listen", "127.0.0.1:0", "--sqlite-path", store_}, {"AUTHSTATE_NO_CREATE=true"}});
  ASSERT_TRUE(process.ok()) << process.status();
  const auto exit = (*process)->Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 4);
  EXPECT_EQ((*process)->output(Subprocess::Stream::kStderr),
            absl::StrCat("authstated: ", store_, ": no such file, and --no-create forbids to make a new store\n"));
}

TEST_F(LogTest, StealsReplacementsAndDeletionsLeaveALine) {
  Start();
  PipeCaller first(server_->address());
  PipeCaller second(server_->address());
  ASSERT_THAT(first.Call(pipe::Message({pipe::Attach(1, 1, "s", "first")})), SizeIs(1));
  ASSERT_THAT(second.Call(pipe::Message({pipe::Steal(1, 1, "s", "second")})), SizeIs(1));
  ASSERT_THAT(first.Call(pipe::Message({pipe::Renew(1, 2)})), SizeIs(1));
  v1::PipeOperation replacement = pipe::Commit(1, 2, 1, "tops3cret");
  replacement.mutable_commit()->set_clear_keys(true);
  ASSERT_THAT(second.Call(pipe::Message({replacement, pipe::Commit(1, 3, 2, "tops3cret"), pipe::Detach(1, 4, true)})),
              SizeIs(3));
  auto stub =
      v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::DeleteSessionRequest deletion;
  deletion.set_session_id("s");
  v1::DeleteSessionResponse deleted;
  ASSERT_TRUE(stub->DeleteSession(&context, deletion, &deleted).ok());

  const auto gained = LinesOf("lease gained");
  ASSERT_THAT(gained, SizeIs(2));
  EXPECT_EQ(gained[1]["session_id"], "s");
  EXPECT_EQ(gained[1]["owner"], "second");
  EXPECT_EQ(gained[1]["owner_before"], "first");
  EXPECT_EQ(gained[1]["steal"], "yes");
  EXPECT_EQ(gained[1]["level"], "info");
  const auto lost = LinesOf("lease lost");
  ASSERT_THAT(lost, SizeIs(1));
  EXPECT_EQ(lost[0]["owner_now"], "second");
  EXPECT_THAT(LinesOf("all keys replaced"), SizeIs(1));
  const auto released = LinesOf("lease released");
  ASSERT_THAT(released, SizeIs(1));
  EXPECT_EQ(released[0]["owner"], "second");
  ASSERT_THAT(LinesOf("session deleted"), SizeIs(1));
  const auto opened = LinesOf("pipe opened");
  ASSERT_THAT(opened, SizeIs(2));
  EXPECT_THAT(opened[0]["peer"].get<std::string>(), StartsWith("ipv4:127.0.0.1:"));
  EXPECT_FALSE(absl::StrContains(server_->process().output(Subprocess::Stream::kStderr), "tops3cret"));
}

TEST_F(LogTest, WhoWaitsForALeaseIsNoWarning) {
  Start();
  PipeCaller owner(server_->address());
  PipeCaller waiter(server_->address());
  ASSERT_THAT(owner.Call(pipe::Message({pipe::Attach(1, 1, "s", "owner")})), SizeIs(1));
  for (std::uint64_t tag = 1; tag <= 5; ++tag) {
    ASSERT_THAT(waiter.Call(pipe::Message({pipe::Attach(1, tag, "s", "waiter")})), SizeIs(1));
  }
  EXPECT_THAT(LinesOf("pipe operation failed"), IsEmpty());
  const auto refused = LinesOf("lease refused");
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(refused[0]["refused"], "waiter");
  EXPECT_EQ(refused[0]["owner"], "owner");
}

TEST_F(LogTest, StreamsThatAreTooManyAreCountedAndNotAllWritten) {
  constexpr std::size_t kRefused = 500;
  Start({"--max-pipe-streams", "1"});
  PipeCaller only(server_->address());
  ASSERT_THAT(only.Call(pipe::Message({pipe::Attach(1, 1, "s")})), SizeIs(1));
  auto stub =
      v1::AuthStateService::NewStub(grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  const absl::Time start = absl::Now();
  for (std::size_t i = 0; i < kRefused; ++i) {
    grpc::ClientContext context;
    const auto stream = stub->Pipe(&context);
    EXPECT_EQ(ErrorInfoOf(stream->Finish()).reason(), "TOO_MANY_STREAMS");
  }
  const std::int64_t seconds = absl::ToInt64Seconds(absl::Now() - start) + 2;
  const auto closed = LinesOf("pipe closed");
  const auto lines = std::count_if(closed.begin(), closed.end(), [](const nlohmann::json& line) {
    return line.value("reason", "") == "TOO_MANY_STREAMS";
  });
  EXPECT_GE(lines, 1);
  EXPECT_LE(lines, 20 * seconds);
}

}  // namespace
}  // namespace authstate::test

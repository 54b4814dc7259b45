// The pipe over a real authstated: order, exactly-once across SIGKILL, a clean stop, and what ends a stream.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr absl::Duration kPatience = absl::Seconds(60);

class PipeServerTest : public testing::Test {
 protected:
  void Start(std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"--sqlite-path", directory_.File("authstate.db")});
    auto server = TestServer::Create({std::move(options), {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<PipeCaller> Open() { return std::make_unique<PipeCaller>(server_->address()); }

  // The fence under which `session_id` was attached to `channel`.
  static std::uint64_t MustAttach(PipeCaller& caller, std::uint32_t channel, const std::string& session_id) {
    const auto answers = caller.Call(pipe::Message({pipe::Attach(channel, 1, session_id)}));
    EXPECT_THAT(answers, SizeIs(1));
    if (answers.empty()) return 0;
    EXPECT_TRUE(answers[0].has_attached()) << answers[0].ShortDebugString();
    return answers[0].attached().lease().fence();
  }

  std::string Log() { return server_->process().output(Subprocess::Stream::kStderr); }

  TempDir directory_;
  std::unique_ptr<TestServer> server_;
};

TEST_F(PipeServerTest, CarriesManySessionsAndKeepsTheOrderOfEach) {
  constexpr std::uint32_t kChannels = 50;
  constexpr std::uint64_t kCommits = 20;
  // The tags of a channel begin at its number times this.
  constexpr std::uint64_t kTags = 1000;
  Start();
  const auto caller = Open();
  std::vector<v1::PipeOperation> operations;
  for (std::uint32_t channel = 0; channel < kChannels; ++channel) {
    operations.push_back(pipe::Attach(channel, channel * kTags, absl::StrCat("s", channel)));
  }
  for (std::uint64_t number = 1; number <= kCommits; ++number) {
    for (std::uint32_t channel = 0; channel < kChannels; ++channel) {
      operations.push_back(pipe::Commit(channel, channel * kTags + 2 * number, number, absl::StrCat(number)));
      operations.push_back(pipe::Get(channel, channel * kTags + 2 * number + 1));
    }
  }
  const auto answers = caller->Call(pipe::Message(operations));
  ASSERT_THAT(answers, SizeIs(operations.size()));
  std::map<std::uint64_t, std::uint64_t> last_tags;
  for (const v1::PipeResult& answer : answers) {
    ASSERT_FALSE(answer.has_error()) << answer.ShortDebugString();
    std::uint64_t& last = last_tags.try_emplace(answer.tag() / kTags, 0).first->second;
    EXPECT_TRUE(answer.has_attached() || answer.tag() > last) << answer.tag() << " after " << last;
    last = answer.tag();
    if (answer.has_got()) {
      EXPECT_EQ(answer.got().found(0).value().raw(), absl::StrCat((answer.tag() % kTags - 1) / 2));
    }
  }
  EXPECT_TRUE(caller->DoneSending());
  EXPECT_TRUE(caller->Finish().ok());
}

TEST_F(PipeServerTest, WhatWasSentIsAnsweredAfterTheCallerIsDoneSending) {
  Start();
  const auto caller = Open();
  std::vector<v1::PipeOperation> operations = {pipe::Attach(1, 0, "s")};
  for (std::uint64_t number = 1; number <= 200; ++number) operations.push_back(pipe::Commit(1, number, number, "v"));
  ASSERT_TRUE(caller->Send(pipe::Message(operations)));
  ASSERT_TRUE(caller->DoneSending());
  EXPECT_THAT(caller->ReceiveAnswers(operations.size()), SizeIs(operations.size()));
  EXPECT_TRUE(caller->Finish().ok());
}

TEST_F(PipeServerTest, AMessageThatBreaksTheContractEndsTheStreamAndNamesTheField) {
  Start();
  {
    const auto caller = Open();
    MustAttach(*caller, 1, "s");
    v1::PipeOperation bad = pipe::Commit(1, 3, 2, "two");
    bad.mutable_commit()->mutable_sets(0)->mutable_key()->clear_id();
    ASSERT_TRUE(caller->Send(pipe::Message({pipe::Commit(1, 2, 1, "one"), bad})));
    v1::PipeResponse response;
    EXPECT_FALSE(caller->Receive(&response)) << response.ShortDebugString();
    const grpc::Status status = caller->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ErrorInfoOf(status).metadata().at("field"), "operations[1].commit.sets[0].key.id");
  }
  const auto caller = Open();
  const auto answers = caller->Call(pipe::Message({pipe::Attach(1, 1, "s", "me", 1), pipe::Get(1, 2)}));
  ASSERT_THAT(answers, SizeIs(2));
  EXPECT_EQ(answers[0].attached().applied_number(), 0U) << "a part of the message took place";
  EXPECT_EQ(answers[1].got().revision(), 0U);
}

// A stream whose messages are bytes of any kind.
grpc::Status EndOfRawStream(const std::string& address, const std::string& bytes) {
  grpc::GenericStub stub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  grpc::CompletionQueue queue;
  const auto stream = stub.PrepareCall(&context, "/authstate.v1.AuthStateService/Pipe", &queue);
  const auto await = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  stream->StartCall(nullptr);
  EXPECT_TRUE(await());
  const grpc::Slice slice(bytes);
  stream->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  (void)await();
  grpc::Status status;
  stream->Finish(&status, nullptr);
  EXPECT_TRUE(await());
  return status;
}

TEST_F(PipeServerTest, BytesThatAreNoMessageEndTheStream) {
  Start();
  const v1::PipeRequest whole = pipe::Message({pipe::Attach(1, 1, "session")});
  std::string not_utf8 = whole.SerializeAsString();
  not_utf8[not_utf8.find("session")] = '\xff';
  const std::string torn = whole.SerializeAsString().substr(0, whole.ByteSizeLong() - 3);
  v1::PipeRequest unknown = pipe::Message({pipe::On(1, 1)});
  v1::PipeOperation::GetReflection()
      ->MutableUnknownFields(unknown.mutable_operations(0))
      ->AddLengthDelimited(99, "of a later version");
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "operations"},
      {"\xff\xff\xff\xff\xff", "request"},
      {torn, "request"},
      {not_utf8, "operations[0].attach.session_id"},
      {unknown.SerializeAsString(), "operations[0].operation"},
  };
  for (const auto& [bytes, field] : table) {
    const grpc::Status status = EndOfRawStream(server_->address(), bytes);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << field;
    EXPECT_EQ(ErrorInfoOf(status).metadata().at("field"), field);
  }
  const grpc::Status enormous = EndOfRawStream(server_->address(), std::string((64 << 20) + 1, 'x'));
  EXPECT_EQ(enormous.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(PipeServerTest, StreamsOfAServerAreBounded) {
  constexpr std::size_t kMaxStreams = 3;
  Start({"--max-pipe-streams", absl::StrCat(kMaxStreams)});
  std::vector<std::unique_ptr<PipeCaller>> callers;
  for (std::size_t i = 0; i < kMaxStreams; ++i) {
    callers.push_back(Open());
    MustAttach(*callers.back(), 1, absl::StrCat("s", i));
  }
  const auto refused = Open();
  v1::PipeResponse response;
  EXPECT_FALSE(refused->Receive(&response));
  const grpc::Status status = refused->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "TOO_MANY_STREAMS");
  EXPECT_THAT(status.error_message(), HasSubstr("--max-pipe-streams"));
  EXPECT_TRUE(callers.back()->DoneSending());
  EXPECT_TRUE(callers.back()->Finish().ok());
  MustAttach(*Open(), 1, "s0");
}

// One session's commits, numbered, sent without waiting for answers, through kills of the server.
class NumberedWriter {
 public:
  explicit NumberedWriter(std::string session_id) : session_id_(std::move(session_id)) {}

  // Attaches, sends what is missing, and goes on until the stream breaks.
  void Run(const std::string& address) {
    PipeCaller caller(address);
    const auto attached = caller.Call(pipe::Message({pipe::Attach(1, 0, session_id_, "me", fence_)}));
    if (attached.empty()) return;
    ASSERT_TRUE(attached[0].has_attached()) << attached[0].ShortDebugString();
    fence_ = attached[0].attached().lease().fence();
    const std::uint64_t applied = attached[0].attached().applied_number();
    EXPECT_GE(applied, acknowledged_) << "an acknowledged commit is lost";
    EXPECT_LE(applied, sent_) << "a commit that was never sent was applied";
    EXPECT_EQ(attached[0].attached().revision(), applied) << "a commit was applied twice";
    // Some of what was applied is sent again, as by a caller that did not look.
    std::uint64_t next = applied > 3 ? applied - 3 : 1;
    while (true) {
      std::vector<v1::PipeOperation> operations;
      for (int i = 0; i < 8; ++i, ++next) operations.push_back(pipe::Commit(1, next, next, absl::StrCat(next)));
      sent_ = std::max(sent_, next - 1);
      const auto answers = caller.Call(pipe::Message(operations));
      for (const v1::PipeResult& answer : answers) {
        ASSERT_TRUE(answer.has_committed()) << answer.ShortDebugString();
        acknowledged_ = std::max<std::uint64_t>(acknowledged_, answer.tag());
      }
      if (answers.size() < operations.size()) return;
    }
  }

  std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  const std::string session_id_;
  std::uint64_t fence_ = 0;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::uint64_t sent_ = 0;
};

TEST_F(PipeServerTest, NumberedCommitsAreAppliedExactlyOnceThroughKills) {
  constexpr int kKills = 10;
  constexpr int kWriters = 4;
  Start();
  std::mt19937_64 random(std::random_device{}());
  std::vector<std::unique_ptr<NumberedWriter>> writers;
  writers.reserve(kWriters);
  for (int i = 0; i < kWriters; ++i) writers.push_back(std::make_unique<NumberedWriter>(absl::StrCat("s", i)));
  for (int kill = 0; kill < kKills && !HasFatalFailure(); ++kill) {
    const std::uint64_t enough = writers[0]->acknowledged() + 1 + random() % 200;
    std::atomic<int> running = kWriters;
    std::vector<std::thread> threads;
    threads.reserve(writers.size());
    for (const auto& writer : writers) {
      threads.emplace_back([&running, &writer, address = server_->address()] {
        writer->Run(address);
        --running;
      });
    }
    while (writers[0]->acknowledged() < enough && running == kWriters) std::this_thread::yield();
    EXPECT_TRUE(server_->Kill().ok());
    for (std::thread& thread : threads) thread.join();
    const absl::Status restarted = server_->Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
  }
  for (int i = 0; i < kWriters; ++i) {
    const auto answers = Open()->Call(pipe::Message({pipe::Attach(1, 0, absl::StrCat("s", i)), pipe::Get(1, 1)}));
    ASSERT_THAT(answers, SizeIs(2));
    const std::uint64_t applied = answers[0].attached().applied_number();
    EXPECT_GE(applied, writers[i]->acknowledged());
    EXPECT_EQ(answers[1].got().revision(), applied);
    EXPECT_EQ(answers[1].got().found(0).value().raw(), absl::StrCat(applied));
  }
}

TEST_F(PipeServerTest, ABrokenStreamKeepsItsLeaseForItsOwner) {
  Start();
  std::uint64_t fence = 0;
  {
    const auto caller = Open();
    fence = MustAttach(*caller, 1, "s");
  }
  const auto other = Open();
  const auto refused = other->Call(pipe::Message({pipe::Attach(1, 1, "s", "other")}));
  ASSERT_THAT(refused, SizeIs(1));
  EXPECT_EQ(ErrorInfoOf(refused[0].error()).reason(), "LEASE_HELD");
  EXPECT_EQ(ErrorInfoOf(refused[0].error()).metadata().at("owner"), "me");
  const auto resumed = other->Call(pipe::Message({pipe::Attach(2, 2, "s", "me", fence)}));
  ASSERT_THAT(resumed, SizeIs(1));
  EXPECT_EQ(resumed[0].attached().lease().fence(), fence);
}

TEST_F(PipeServerTest, AStopIsToldAndWhatIsSentUntilThenIsAnswered) {
  Start();
  const auto caller = Open();
  MustAttach(*caller, 1, "s");
  server_->process().Signal(SIGTERM);
  v1::PipeResponse response;
  ASSERT_TRUE(caller->Receive(&response));
  EXPECT_TRUE(response.draining());
  EXPECT_EQ(response.results_size(), 0);
  // The server goes on for a while with those that are still sending. What it acknowledges stays, and what it has read
  // is answered before the end.
  std::uint64_t acknowledged = 0;
  for (std::uint64_t number = 1; caller->Send(pipe::Message({pipe::Commit(1, number, number, absl::StrCat(number))}));
       ++number) {
    const auto answers = caller->ReceiveAnswers(1);
    if (answers.empty()) break;
    ASSERT_TRUE(answers[0].has_committed()) << answers[0].ShortDebugString();
    acknowledged = number;
  }
  EXPECT_FALSE(caller->draining()) << "told twice";
  const grpc::Status status = caller->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "DRAINING");
  EXPECT_GT(acknowledged, 0U);
  const auto exit = server_->process().Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0);

  ASSERT_TRUE(server_->Restart().ok());
  const auto again = Open();
  const auto answers = again->Call(pipe::Message({pipe::Attach(1, 1, "s")}));
  ASSERT_THAT(answers, SizeIs(1));
  EXPECT_GE(answers[0].attached().applied_number(), acknowledged);
}

TEST_F(PipeServerTest, ACallerThatLeavesADrainingServerIsDoneAtOnce) {
  Start({"--drain-timeout-ms", "3600000"});
  const auto caller = Open();
  MustAttach(*caller, 1, "s");
  server_->process().Signal(SIGTERM);
  v1::PipeResponse response;
  ASSERT_TRUE(caller->Receive(&response));
  EXPECT_TRUE(response.draining());
  ASSERT_TRUE(caller->DoneSending());
  EXPECT_TRUE(caller->Finish().ok());
  const auto exit = server_->process().Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0);
}

TEST_F(PipeServerTest, TheLogHasItsBeginningItsEndAndItsFailuresButNoSecret) {
  Start();
  {
    const auto caller = Open();
    MustAttach(*caller, 1, "s");
    EXPECT_THAT(caller->Call(pipe::Message({pipe::Commit(1, 2, 1, "tops3cret"), pipe::Commit(1, 3, 7, "tops3cret")})),
                SizeIs(2));
    ASSERT_TRUE(caller->DoneSending());
    EXPECT_TRUE(caller->Finish().ok());
  }
  ASSERT_TRUE(server_->Terminate().ok());
  const std::string log = Log();
  EXPECT_THAT(log, HasSubstr("pipe opened"));
  EXPECT_THAT(log, HasSubstr("NUMBER_GAP"));
  EXPECT_THAT(log, HasSubstr(R"("operations":"3","failed_operations":"1")"));
  EXPECT_FALSE(absl::StrContains(log, "tops3cret"));
}

}  // namespace
}  // namespace authstate::test

// Another program, psql, holds rows of a few sessions for as long as it likes. Everybody else goes on, the server stays
// healthy, and what waits for those rows is done once they are free, or fails at its own deadline.
#include "tests/integration/locked_rows.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/test_postgres.h"

namespace authstate::test {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TEST_P(LockedRowsTest, CommitsAreDoneOnceTheirRowsAreFreeAndOthersGoOn) {
  std::vector<grpc::Status> done(kLocked);
  Calls calls;
  {
    const OpenPsql psql(url(), GetParam().hold_rows);
    for (int i = 0; i < kLocked; ++i) {
      calls.Add([this, i, &done] { done[static_cast<std::size_t>(i)] = Commit(LockedSession(i), "after the lock"); });
    }
    AwaitWaiter();
    ExpectOthersGoOn();
    ExpectHealthy();
    // What is locked for writing can be read.
    EXPECT_EQ(Value(LockedSession(0)), "v");
  }
  calls.Join();
  for (const grpc::Status& status : done) EXPECT_TRUE(status.ok()) << status.error_message();
  for (int i = 0; i < kLocked; ++i) EXPECT_EQ(Value(LockedSession(i)), "after the lock");
}

TEST_P(LockedRowsTest, CallersWithBatchesOfTheirOwnHoldUpNobodyEither) {
  Start({"--batches=0"});
  Calls calls;
  {
    const OpenPsql psql(url(), GetParam().hold_rows);
    // Several for each session: only one is tried.
    for (int i = 0; i < 5 * kLocked; ++i) {
      calls.Add([this, i] { EXPECT_TRUE(Commit(LockedSession(i % kLocked), "after the lock").ok()); });
    }
    AwaitWaiter();
    ExpectOthersGoOn();
    ExpectHealthy();
  }
  calls.Join();
  for (int i = 0; i < kLocked; ++i) EXPECT_EQ(Value(LockedSession(i)), "after the lock");
}

TEST_P(LockedRowsTest, CommitEndsAtItsDeadlineAndIsKnownNotToBeApplied) {
  {
    const OpenPsql psql(url(), GetParam().hold_rows);
    const grpc::Status status = Commit(LockedSession(0), "too late", absl::Seconds(3));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
    const google::rpc::ErrorInfo info = ErrorInfoOf(status);
    EXPECT_EQ(info.reason(), "DEADLINE_PASSED");
    EXPECT_EQ(info.metadata().at("outcome"), "NOT_APPLIED");
    ExpectOthersGoOn();
  }
  EXPECT_EQ(Value(LockedSession(0)), "v");
  EXPECT_TRUE(Commit(LockedSession(0), "later").ok());
}

TEST_P(LockedRowsTest, ACommitThatOutlastsAStopIsUnavailableAndInDoubt) {
  Start({"--drain-timeout-ms=100"});
  grpc::Status done;
  {
    const OpenPsql psql(url(), GetParam().hold_rows);
    Calls calls;
    calls.Add([this, &done] { done = Commit(LockedSession(0), "after the lock"); });
    AwaitWaiter();
    server().process().Signal(SIGTERM);
  }
  EXPECT_EQ(done.error_code(), grpc::StatusCode::UNAVAILABLE) << done.error_message();
  const google::rpc::ErrorInfo info = ErrorInfoOf(done);
  EXPECT_EQ(info.reason(), "DRAINING");
  EXPECT_THAT(info.metadata(), Contains(Pair("outcome", "UNKNOWN")));
  const auto exit = server().process().Wait(kPatience);
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 0);
}

TEST_P(LockedRowsTest, ChannelsOfAPipeWaitForNoLockButTheirOwn) {
  PipeCaller caller(address());
  std::vector<v1::PipeOperation> attach;
  for (std::uint32_t i = 0; i < kLocked; ++i) attach.push_back(pipe::Attach(i, i, LockedSession(static_cast<int>(i))));
  for (std::uint32_t i = 0; i < kOthers; ++i) {
    attach.push_back(pipe::Attach(kLocked + i, kLocked + i, OtherSession(static_cast<int>(i))));
  }
  for (const v1::PipeResult& result : caller.Call(pipe::Message(attach))) ASSERT_TRUE(result.has_attached());
  {
    const OpenPsql psql(url(), GetParam().hold_rows);
    std::vector<v1::PipeOperation> commits;
    for (std::uint32_t i = 0; i < kLocked + kOthers; ++i) {
      commits.push_back(pipe::Commit(i, i, 1, "first"));
      commits.push_back(pipe::Commit(i, 100 + i, 2, "second"));
    }
    ASSERT_TRUE(caller.Send(pipe::Message(commits)));
    std::vector<std::uint64_t> tags;
    for (const v1::PipeResult& result : caller.ReceiveAnswers(std::size_t{2} * kOthers)) {
      EXPECT_TRUE(result.has_committed()) << result.error().message();
      tags.push_back(result.tag());
    }
    EXPECT_THAT(tags, UnorderedElementsAre(8, 9, 10, 11, 108, 109, 110, 111));
    // One by one, so that no call has anything else in it.
    for (std::uint64_t number = 3; number < 20; ++number) {
      for (std::uint32_t i = kLocked; i < kLocked + kOthers; ++i) {
        const auto results = caller.Call(pipe::Message({pipe::Commit(i, number, number, "more")}));
        ASSERT_EQ(results.size(), 1U);
        EXPECT_TRUE(results[0].has_committed()) << results[0].error().message();
      }
    }
    ExpectHealthy();
  }
  std::vector<std::uint64_t> last(kLocked, 0);
  for (const v1::PipeResult& result : caller.ReceiveAnswers(std::size_t{2} * kLocked)) {
    EXPECT_TRUE(result.has_committed()) << result.error().message();
    const std::uint64_t channel = result.tag() % 100;
    EXPECT_LE(last[channel], result.tag()) << "out of order";
    last[channel] = result.tag();
  }
  for (int i = 0; i < kLocked; ++i) EXPECT_EQ(Value(LockedSession(i)), "second");
}

TEST_P(LockedRowsTest, LoneCommitsOfAPipeKeepNoPlaceOfOthers) {
  PipeCaller caller(address());
  for (std::uint32_t i = 0; i <= kLocked; ++i) {
    const std::string session = i < kLocked ? LockedSession(static_cast<int>(i)) : OtherSession(0);
    ASSERT_TRUE(caller.Call(pipe::Message({pipe::Attach(i, i, session)}))[0].has_attached());
  }
  {
    const OpenPsql psql(url(), GetParam().hold_rows);
    for (std::uint32_t i = 0; i < kLocked; ++i) {
      ASSERT_TRUE(caller.Send(pipe::Message({pipe::Commit(i, i, 1, "after the lock")})));
      AwaitWaiter();
    }
    for (std::uint64_t number = 1; number < 50; ++number) {
      const auto results = caller.Call(pipe::Message({pipe::Commit(kLocked, 100 + number, number, "v")}));
      ASSERT_EQ(results.size(), 1U);
      ASSERT_EQ(results[0].tag(), 100 + number);
    }
  }
  for (const v1::PipeResult& result : caller.ReceiveAnswers(kLocked)) EXPECT_TRUE(result.has_committed());
}

TEST_P(LockedRowsTest, LeasesAreDoneOnceTheirRowsAreFreeAndOthersAreRenewed) {
  PipeCaller caller(address());
  std::vector<v1::PipeOperation> attach;
  std::vector<v1::PipeOperation> renew;
  for (std::uint32_t i = 0; i < kLocked + kOthers; ++i) {
    const int session = static_cast<int>(i);
    attach.push_back(pipe::Attach(i, i, session < kLocked ? LockedSession(session) : OtherSession(session - kLocked)));
    renew.push_back(pipe::Renew(i, i));
  }
  for (const v1::PipeResult& result : caller.Call(pipe::Message(attach))) ASSERT_TRUE(result.has_attached());
  Calls calls;
  {
    const OpenPsql psql(url(), GetParam().hold_leases);
    ASSERT_TRUE(caller.Send(pipe::Message(renew)));
    std::vector<std::uint64_t> tags;
    for (const v1::PipeResult& result : caller.ReceiveAnswers(kOthers)) {
      EXPECT_TRUE(result.has_renewed()) << result.error().message();
      tags.push_back(result.tag());
    }
    EXPECT_THAT(tags, UnorderedElementsAre(8, 9, 10, 11));
    for (int i = 0; i < kLocked; ++i) {
      calls.Add([this, i] { EXPECT_TRUE(Acquire(LockedSession(i)).ok()); });
    }
    AwaitWaiter();
    for (int i = 0; i < 50; ++i) EXPECT_TRUE(Acquire(absl::StrCat("new-", i)).ok());
    ExpectHealthy();
  }
  for (const v1::PipeResult& result : caller.ReceiveAnswers(kLocked)) {
    EXPECT_TRUE(result.has_renewed()) << result.error().message();
  }
  calls.Join();
}

// As somebody has it who changes a table. Everything that reads the keys waits; leases do not need them.
TEST_P(LockedRowsTest, ReadsAndSnapshotsThatWaitForATableHoldUpNothingElse) {
  Calls calls;
  {
    const OpenPsql psql(url(), GetParam().hold_keys);
    for (int i = 0; i < kLocked; ++i) {
      calls.Add([this, i] { EXPECT_EQ(Value(LockedSession(i)), "v"); });
    }
    for (int i = 0; i < 2; ++i) {
      calls.Add([this, i] {
        grpc::ClientContext context;
        v1::LoadSessionRequest request;
        request.set_session_id(LockedSession(i));
        const auto stub = v1::AuthStateService::NewStub(channel());
        const auto reader = stub->LoadSession(&context, request);
        v1::LoadSessionResponse page;
        while (reader->Read(&page)) continue;
        const grpc::Status status = reader->Finish();
        EXPECT_TRUE(status.ok()) << status.error_message();
      });
    }
    AwaitWaiter();
    for (int i = 0; i < 50; ++i) {
      const grpc::Status status = Acquire(absl::StrCat("new-", i));
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
    ExpectHealthy();
  }
  calls.Join();
}

TEST_P(LockedRowsTest, AListingThatWaitsForATableEndsAtItsDeadlineAndSaysWhy) {
  const auto list = [this](absl::Duration deadline) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    v1::ListSessionsResponse response;
    return v1::AuthStateService::NewStub(channel())->ListSessions(&context, {}, &response);
  };
  {
    const OpenPsql psql(url(), GetParam().hold_sessions);
    const grpc::Status status = list(absl::Seconds(3));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_EQ(ErrorInfoOf(status).reason(), "DEADLINE_PASSED");
    EXPECT_THAT(status.error_message(), HasSubstr("held a lock"));
  }
  EXPECT_TRUE(list(kPatience).ok());
}

INSTANTIATE_TEST_SUITE_P(Layouts, LockedRowsTest, testing::Values(kNative, kLegacy),
                         [](const auto& tables) { return std::string(tables.param.layout); });

class LegacyPurgeTest : public LockedRowsTest {};

TEST_P(LegacyPurgeTest, PurgeIsDoneOnceItsRowsAreFree) {
  const absl::Status expired =
      TestPostgres::Run(url(),
                        "INSERT INTO whatsapp_keys (company_id, key_type, key_id, value, expires_at) "
                        "VALUES ('locked-0', 'tctoken', '1', '{}', now() - interval '1 day')");
  ASSERT_TRUE(expired.ok()) << expired;
  Calls calls;
  {
    const OpenPsql psql(url(), kLegacy.hold_leases);
    for (int i = 0; i < kLocked; ++i) {
      calls.Add([this] {
        grpc::ClientContext context;
        v1::PurgeExpiredKeysRequest request;
        request.add_types("tctoken");
        v1::PurgeExpiredKeysResponse response;
        const grpc::Status status =
            v1::AdminService::NewStub(channel())->PurgeExpiredKeys(&context, request, &response);
        EXPECT_TRUE(status.ok()) << status.error_message();
      });
    }
    AwaitWaiter();
    ExpectOthersGoOn();
    ExpectHealthy();
  }
  calls.Join();
  EXPECT_EQ(TestPostgres::Query(url(), "SELECT count(*) FROM whatsapp_keys WHERE key_type = 'tctoken'").value_or(""),
            "0");
}

INSTANTIATE_TEST_SUITE_P(Layouts, LegacyPurgeTest, testing::Values(kLegacy),
                         [](const auto& tables) { return std::string(tables.param.layout); });

}  // namespace
}  // namespace authstate::test

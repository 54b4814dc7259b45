// A client that asks and does not read.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "contract/limits.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/http2_attacker.h"
#include "tests/hostile/http2_calls.h"
#include "tests/support/fault_rounds.h"

namespace authstate::test {
namespace {

constexpr int kValues = 4;
constexpr std::uint32_t kCalls = 100;
// INITIAL_WINDOW_SIZE is 0: no data is sent on any stream.
const absl::string_view kNoWindow("\0\4\0\0\0\0", 6);

std::string IdOf(int value) { return absl::StrCat(value); }

class SlowReaderTest : public AttackTest {
 protected:
  // As much as one GetKeys may answer, if not told otherwise.
  void StoreValues(std::size_t bytes = kMaxValueBytes) {
    v1::CommitRequest request;
    request.set_session_id("large");
    for (int i = 0; i < kValues; ++i) {
      v1::KeyEntry* const entry = request.add_sets();
      entry->mutable_key()->set_type("t");
      entry->mutable_key()->set_id(IdOf(i));
      entry->mutable_value()->set_raw(std::string(bytes, 'x'));
    }
    grpc::ClientContext context;
    v1::CommitResponse response;
    const grpc::Status status = NewConnection(address())->Commit(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  // The `call`th call of a connection: as frames, it asks for all of them.
  static std::string AskForAll(std::uint32_t call) {
    v1::GetKeysRequest request;
    request.set_session_id("large");
    v1::KeySelection* const selection = request.add_keys();
    selection->set_type("t");
    for (int i = 0; i < kValues; ++i) selection->add_ids(IdOf(i));
    return WholeCall(call, "GetKeys", request.SerializeAsString());
  }
};

TEST_F(SlowReaderTest, HoldsNoMoreResponsesThanAConnectionMay) {
  ASSERT_NO_FATAL_FAILURE(StoreValues());
  Http2Attacker attacker(address());
  ASSERT_TRUE(attacker.Begin());
  for (std::uint32_t call = 0; call < kCalls; ++call) ASSERT_TRUE(attacker.Send(AskForAll(call)));
  ExpectReason("this connection has not read the responses");
  ExpectNoHarm();
}

TEST_F(SlowReaderTest, WithoutAWindowHoldsNoMoreThanThat) {
  ASSERT_NO_FATAL_FAILURE(StoreValues());
  for (int round = 0; round < AttackRounds(); ++round) {
    Http2Attacker attacker(address());
    ASSERT_TRUE(attacker.Begin());
    ASSERT_TRUE(attacker.Send(Frame(FrameType::kSettings, 0, 0, kNoWindow)));
    for (std::uint32_t call = 0; call < kCalls; ++call) ASSERT_TRUE(attacker.Send(AskForAll(call)));
    ExpectReason("this connection has not read the responses");
  }
  ExpectNoHarm();
}

// Each is read from the file anew, and most are refused for want of room only then.
class UncachedReaderTest : public SlowReaderTest {
 protected:
  absl::StatusOr<std::vector<std::string>> Arguments() override {
    auto arguments = SlowReaderTest::Arguments();
    if (arguments.ok()) arguments->insert(arguments->end(), {"--cache-bytes", "0"});
    return arguments;
  }
};

TEST_F(UncachedReaderTest, KeepsNobodyFromReadingTheFile) {
  constexpr std::uint32_t kMostUnderWay = 900;
  ASSERT_NO_FATAL_FAILURE(StoreValues());
  Http2Attacker attacker(address());
  ASSERT_TRUE(attacker.Begin());
  for (std::uint32_t call = 0; call < kMostUnderWay; ++call) ASSERT_TRUE(attacker.Send(AskForAll(call)));
  ExpectReason("this connection has not read the responses");
  ExpectNoHarm();
}

// Each is just too small to need room among the responses: as many as streams may be open.
TEST_F(SlowReaderTest, HoldsManySmallResponses) {
  constexpr std::uint32_t kMostOpen = 5'000;
  ASSERT_NO_FATAL_FAILURE(StoreValues(15 << 10));
  Http2Attacker attacker(address());
  ASSERT_TRUE(attacker.Begin());
  ASSERT_TRUE(attacker.Send(Frame(FrameType::kSettings, 0, 0, kNoWindow)));
  for (std::uint32_t call = 0; call < kMostOpen; ++call) ASSERT_TRUE(attacker.Send(AskForAll(call)));
  // The next one is one too many, once all were begun.
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  for (std::uint32_t call = kMostOpen; attacker.alive() && absl::Now() < give_up; ++call)
    attacker.Send(AskForAll(call));
  EXPECT_FALSE(attacker.alive());
  ExpectReason("too many open streams");
  ExpectNoHarm();
}

// Answers make memory grow faster than what arrives, and the upload completes no message for seconds: still nobody
// floods.
TEST_F(SlowReaderTest, MakesNoFloodOfAnUploadBesideIt) {
  if (!kMemoryIsMeasured) GTEST_SKIP() << "with the address sanitizer memory grows faster than answers explain";
  ASSERT_NO_FATAL_FAILURE(StoreValues());
  absl::Status answered;
  std::atomic<bool> uploaded = false;
  std::thread upload([&] {
    answered = UploadOverASlowLine();
    uploaded = true;
  });
  while (!uploaded) {
    Http2Attacker attacker(address());
    EXPECT_TRUE(attacker.Begin());
    for (std::uint32_t call = 0; call < 3; ++call) {
      EXPECT_TRUE(attacker.Send(AskForAll(call)));
    }
    // The pace of the attackers.
    absl::SleepFor(absl::Milliseconds(500));
  }
  upload.join();
  EXPECT_TRUE(absl::IsInvalidArgument(answered)) << answered;
  ExpectNoHarm();
}

TEST_F(SlowReaderTest, IsGivenUp) {
  if (!FaultRounds().has_value()) GTEST_SKIP() << "takes more than a minute: part of ./dev fault";
  ASSERT_NO_FATAL_FAILURE(StoreValues());
  Http2Attacker attacker(address());
  ASSERT_TRUE(attacker.Begin());
  ASSERT_TRUE(attacker.Send(AskForAll(0)));
  ExpectReason("an answer was given up", absl::Minutes(2));
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test

// Clients that load sessions and do not read them, each of which holds a snapshot of the database open.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "contract/limits.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/bystander.h"
#include "tests/support/test_postgres.h"

namespace authstate::test {
namespace {

constexpr int kValues = 4;
constexpr std::size_t kValueBytes = std::size_t{1} << 20;
constexpr int kStreams = 100;
constexpr int kLoads = 30;
constexpr absl::Duration kDeadline = absl::Seconds(10);

// A connection that asks for a session many times over, and reads nothing.
class SlowLoader {
 public:
  explicit SlowLoader(const std::string& address) : stub_(v1::AuthStateService::NewStub(Connect(address))) {}
  ~SlowLoader() {
    for (Stream& stream : streams_) stream.context.TryCancel();
  }
  SlowLoader(const SlowLoader&) = delete;
  SlowLoader& operator=(const SlowLoader&) = delete;

  void Ask(int streams, std::size_t page_bytes = kDefaultLoadPageBytes) {
    v1::LoadSessionRequest request;
    request.set_session_id("large");
    request.set_page_bytes(static_cast<std::uint32_t>(page_bytes));
    for (int i = 0; i < streams; ++i) {
      streams_.emplace_back();
      streams_.back().reader = stub_->LoadSession(&streams_.back().context, request);
    }
  }
  // Returns once all its streams have begun, and so have snapshots.
  void AwaitBegin() {
    for (Stream& stream : streams_) stream.reader->WaitForInitialMetadata();
  }

 private:
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::LoadSessionResponse>> reader;
  };

  // It takes in no more than HTTP/2 allows a peer to send from the start.
  static std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  }

  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
  std::list<Stream> streams_;
};

struct Store {
  std::string name;
  // How many snapshots it can have open.
  int slots;
};

class SlowLoaderTest : public AttackTest, public testing::WithParamInterface<Store> {
 protected:
  absl::StatusOr<std::vector<std::string>> Arguments() override {
    if (GetParam().name == "sqlite") return AttackTest::Arguments();
    auto postgres = TestPostgres::Create();
    if (!postgres.ok()) return postgres.status();
    postgres_ = *std::move(postgres);
    return std::vector<std::string>{"--backend", "postgres", "--postgres-url", postgres_->url()};
  }

  void Write(const std::string& session_id, int values, std::size_t value_bytes = kValueBytes) {
    v1::CommitRequest request;
    request.set_session_id(session_id);
    for (int i = 0; i < values; ++i) {
      v1::KeyEntry* const entry = request.add_sets();
      entry->mutable_key()->set_type("t");
      entry->mutable_key()->set_id(absl::StrCat(i));
      entry->mutable_value()->set_raw(std::string(value_bytes, 'x'));
    }
    grpc::ClientContext context;
    v1::CommitResponse response;
    const grpc::Status status = NewConnection(address())->Commit(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }

  // Loads a session of one value.
  static absl::Status Load(v1::AuthStateService::Stub* stub) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
    v1::LoadSessionRequest request;
    request.set_session_id("small");
    const auto reader = stub->LoadSession(&context, request);
    int keys = 0;
    for (v1::LoadSessionResponse page; reader->Read(&page);) keys += page.keys_size();
    const grpc::Status status = reader->Finish();
    if (!status.ok()) return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
    if (keys != 1) return absl::DataLossError(absl::StrCat("read ", keys, " keys"));
    return absl::OkStatus();
  }

  // That a caller who means well loads a session again and again beside so many connections that do not read.
  void ExpectLoadsBeside(int attackers) {
    ASSERT_NO_FATAL_FAILURE(Write("large", kValues));
    ASSERT_NO_FATAL_FAILURE(Write("small", 1));
    std::list<SlowLoader> loaders;
    for (int i = 0; i < attackers; ++i) loaders.emplace_back(address());
    loaders.front().Ask(GetParam().slots);
    loaders.front().AwaitBegin();
    for (SlowLoader& loader : loaders) loader.Ask(kStreams);
    const auto stub = NewConnection(address());
    absl::Duration longest;
    for (int i = 0; i < kLoads; ++i) {
      const absl::Time start = absl::Now();
      EXPECT_EQ(Load(stub.get()), absl::OkStatus());
      longest = std::max(longest, absl::Now() - start);
    }
    // For the table of README.md.
    std::cout << kLoads << " loads beside " << attackers << ": at most " << longest << '\n';
    ExpectNoHarm();
  }

 private:
  std::unique_ptr<TestPostgres> postgres_;
};

INSTANTIATE_TEST_SUITE_P(Stores, SlowLoaderTest, testing::Values(Store{"sqlite", 16}, Store{"postgres", 3}),
                         [](const auto& tested) { return tested.param.name; });

TEST_P(SlowLoaderTest, DoesNotKeepOthersFromLoading) { ExpectLoadsBeside(1); }

TEST_P(SlowLoaderTest, NorDoSeveral) { ExpectLoadsBeside(3); }

TEST_P(SlowLoaderTest, HoldsNoMorePagesThanAConnectionMay) {
  ASSERT_NO_FATAL_FAILURE(Write("large", kValues, kMaxLoadPageBytes / kValues));
  SlowLoader loader(address());
  loader.Ask(kStreams, kMaxLoadPageBytes);
  ExpectReason("this connection has not read the responses");
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test

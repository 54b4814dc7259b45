#include "client/cpp/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/cpp/error.h"
#include "contract/limits.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/support/proxy/tcp_proxy.h"
#include "tests/unit/client/fake_store.h"

namespace authstate::client {
namespace {

using ::testing::ElementsAre;

constexpr char kSession[] = "demo";

grpc::Status Error(grpc::StatusCode code, const std::string& reason, const std::map<std::string, std::string>& facts) {
  google::rpc::ErrorInfo error;
  error.set_reason(reason);
  error.set_domain("authstate");
  for (const auto& [name, fact] : facts) (*error.mutable_metadata())[name] = fact;
  google::rpc::Status status;
  status.set_code(code);
  status.add_details()->PackFrom(error);
  return {code, "what happened", status.SerializeAsString()};
}

class ClientTest : public ::testing::Test {
 protected:
  static ClientOptions Options(const std::string& address) {
    ClientOptions options;
    options.address = address;
    return options;
  }

  FakeStore store_;
  Client client_{Options(store_.address())};
};

TEST_F(ClientTest, CredsComeWithTheirKindAndRevision) {
  store_.get_creds = [](const v1::GetCredsRequest& request, v1::GetCredsResponse* response) {
    EXPECT_EQ(request.session_id(), kSession);
    response->mutable_creds()->set_json("{}");
    response->set_revision(7);
    return grpc::Status::OK;
  };
  const auto creds = client_.GetCreds(kSession);
  ASSERT_TRUE(creds.ok()) << creds.status();
  EXPECT_EQ(creds->value, (Value{ValueKind::kJson, "{}"}));
  EXPECT_EQ(creds->revision, 7U);
}

// The making of a connection takes several ways there and back. A server that is far away, or busy, is one to wait for.
TEST_F(ClientTest, SlowServerIsOne) {
  int port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(store_.address().substr(store_.address().rfind(':') + 1), &port));
  auto line = test::TcpProxy::Create(static_cast<std::uint16_t>(port), test::Protocol::kAny);
  ASSERT_TRUE(line.ok()) << line.status();
  (*line)->SetDelay(absl::Milliseconds(300));
  ClientOptions options = Options(absl::StrCat("127.0.0.1:", (*line)->port()));
  options.patience = absl::ZeroDuration();
  store_.get_creds = [](const v1::GetCredsRequest& /*request*/, v1::GetCredsResponse* response) {
    response->mutable_creds()->set_json("{}");
    return grpc::Status::OK;
  };
  Client client(options);
  const auto creds = client.GetCreds(kSession);
  EXPECT_TRUE(creds.ok()) << creds.status();
}

TEST_F(ClientTest, ErrorsCarryTheFactsOfTheServer) {
  store_.commit = [](const v1::CommitRequest& /*request*/, v1::CommitResponse* /*response*/) {
    return Error(
        grpc::StatusCode::ABORTED, "REVISION_MISMATCH",
        {{"revision", "9"}, {"outcome", "NOT_APPLIED"}, {"request_id", "r-1"}, {"field", "expected_revision"}});
  };
  const absl::Status status = client_.Commit({kSession}).status();
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_EQ(ReasonOf(status), "REVISION_MISMATCH");
  EXPECT_EQ(FieldOf(status), "expected_revision");
  EXPECT_EQ(RevisionOf(status), 9U);
  EXPECT_EQ(OutcomeOf(status), Outcome::kNotApplied);
  EXPECT_EQ(RequestIdOf(status), "r-1");
}

TEST_F(ClientTest, AnOutageIsWaitedOut) {
  std::atomic<int> calls = 0;
  store_.get_creds = [&calls](const v1::GetCredsRequest& /*request*/, v1::GetCredsResponse* response) {
    if (++calls == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "database away");
    response->mutable_creds()->set_json("{}");
    return grpc::Status::OK;
  };
  EXPECT_TRUE(client_.GetCreds(kSession).ok());
  EXPECT_EQ(calls, 2);
}

TEST_F(ClientTest, AttemptsOfOneCommitShareItsId) {
  std::vector<std::uint64_t> ids;
  store_.commit = [&ids](const v1::CommitRequest& request, v1::CommitResponse* response) {
    ids.push_back(request.commit_id());
    if (ids.size() == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "connection reset");
    response->set_revision(4);
    return grpc::Status::OK;
  };
  CommitRequest commit;
  commit.session_id = kSession;
  commit.expected_revision = 3;
  EXPECT_TRUE(client_.Commit(commit).ok());
  EXPECT_TRUE(client_.Commit(commit).ok());
  ASSERT_EQ(ids.size(), 3U);
  EXPECT_NE(ids[0], 0U);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_NE(ids[1], ids[2]);
}

TEST_F(ClientTest, IdThatTheCallerChoseIsKept) {
  std::uint64_t sent = 0;
  store_.commit = [&sent](const v1::CommitRequest& request, v1::CommitResponse* /*response*/) {
    sent = request.commit_id();
    return grpc::Status::OK;
  };
  CommitRequest commit;
  commit.session_id = kSession;
  commit.commit_id = 9;
  EXPECT_TRUE(client_.Commit(std::move(commit)).ok());
  EXPECT_EQ(sent, 9U);
}

TEST_F(ClientTest, RepeatedDeleteAnswersTheRevisionOfTheLostOne) {
  std::atomic<int> calls = 0;
  store_.delete_session = [&calls](const v1::DeleteSessionRequest& /*request*/,
                                   v1::DeleteSessionResponse* /*response*/) {
    if (++calls == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "reply lost");
    return Error(grpc::StatusCode::NOT_FOUND, "NO_SESSION", {{"revision", "5"}});
  };
  const auto revision = client_.DeleteSession(kSession);
  ASSERT_TRUE(revision.ok()) << revision.status();
  EXPECT_EQ(*revision, 5U);
}

TEST_F(ClientTest, KeysOfOneTypeShareASelectionAndAbsentOnesAreNamed) {
  store_.get_keys = [](const v1::GetKeysRequest& request, v1::GetKeysResponse* response) {
    EXPECT_EQ(request.keys_size(), 2);
    EXPECT_EQ(request.keys(0).ids_size(), 2);
    v1::KeyEntry* entry = response->add_found();
    entry->mutable_key()->set_type("pre-key");
    entry->mutable_key()->set_id("1");
    entry->mutable_value()->set_raw("x");
    response->add_absent()->set_type("session");
    return grpc::Status::OK;
  };
  const auto keys = client_.GetKeys(kSession, {{"pre-key", "1"}, {"pre-key", "2"}, {"session", "1.0"}});
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_THAT(keys->found, ElementsAre(KeyEntry{{"pre-key", "1"}, {ValueKind::kRaw, "x"}}));
  EXPECT_EQ(keys->absent.size(), 1U);
}

TEST_F(ClientTest, ValueOfAnUnknownKindIsDataLoss) {
  store_.get_creds = [](const v1::GetCredsRequest& /*request*/, v1::GetCredsResponse* response) {
    response->mutable_creds();
    return grpc::Status::OK;
  };
  EXPECT_TRUE(absl::IsDataLoss(client_.GetCreds(kSession).status()));
}

TEST_F(ClientTest, ListingFollowsThePages) {
  store_.list_sessions = [](const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response) {
    EXPECT_EQ(request.prefix(), "a");
    response->add_sessions()->set_session_id(request.page_token().empty() ? "a1" : "a2");
    response->add_unaddressable_ids(request.page_token().empty() ? "odd 1" : "odd 2");
    if (request.page_token().empty()) response->set_next_page_token("second");
    return grpc::Status::OK;
  };
  std::vector<std::string> ids;
  const auto listing = client_.ListSessions({"a"}, [&ids](SessionSummary session) {
    ids.push_back(std::move(session.session_id));
    return absl::OkStatus();
  });
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(ids, ElementsAre("a1", "a2"));
  EXPECT_THAT(listing->unaddressable_ids, ElementsAre("odd 1", "odd 2"));
}

TEST_F(ClientTest, ListingAsksForWhatItsFilterSays) {
  store_.list_sessions = [](const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response) {
    EXPECT_EQ(request.unwritten_for().seconds(), 90);
    EXPECT_TRUE(request.has_has_creds() && !request.has_creds());
    EXPECT_THAT(request.states(), ElementsAre(v1::SESSION_STATE_DAMAGED, v1::SESSION_STATE_PAIRED));
    EXPECT_TRUE(request.with_size() && request.with_state());
    response->set_knows_fields_up_to(v1::ListSessionsRequest::kWithStateFieldNumber);
    v1::Session* const session = response->add_sessions();
    session->set_stored_bytes(7);
    session->set_state(v1::SESSION_STATE_HALF_PAIRED);
    response->add_sessions()->set_state(static_cast<v1::SessionState>(100));
    return grpc::Status::OK;
  };
  SessionFilter filter;
  filter.unwritten_for = absl::Seconds(90);
  filter.has_creds = false;
  filter.states = {SessionState::kDamaged, SessionState::kPaired};
  filter.with_size = true;
  filter.with_state = true;
  std::vector<SessionSummary> sessions;
  const auto listing = client_.ListSessions(filter, [&sessions](SessionSummary session) {
    sessions.push_back(std::move(session));
    return absl::OkStatus();
  });
  ASSERT_TRUE(listing.ok()) << listing.status();
  ASSERT_EQ(sessions.size(), 2U);
  EXPECT_EQ(sessions[0].stored_bytes, 7U);
  EXPECT_EQ(sessions[0].state, SessionState::kHalfPaired);
  EXPECT_EQ(sessions[1].state, std::nullopt);
}

TEST_F(ClientTest, AListingWhosePagesGoInACircleIsAnError) {
  constexpr int kEnough = 10;
  std::atomic<int> calls = 0;
  store_.list_sessions = [&calls](const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response) {
    if (++calls < kEnough) response->set_next_page_token(request.page_token() == "one" ? "two" : "one");
    return grpc::Status::OK;
  };
  const auto listing = client_.ListSessions({}, [](const SessionSummary& /*session*/) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsInternal(listing.status())) << listing.status();
  EXPECT_EQ(calls.load(), 3);
}

TEST_F(ClientTest, LoadIsRepeatedBeforeItsFirstPage) {
  std::atomic<int> calls = 0;
  store_.load_session = [&calls](grpc::ServerContext* /*context*/,
                                 grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    if (++calls == 1) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "database away");
    writer->Write(v1::LoadSessionResponse());
    return grpc::Status::OK;
  };
  int pages = 0;
  const absl::Status status = client_.LoadSession(kSession, 0, [&pages](const SessionPage& /*page*/) {
    ++pages;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(pages, 1);
}

TEST_F(ClientTest, LoadThatBreaksAfterAPageFails) {
  std::atomic<int> calls = 0;
  store_.load_session = [&calls](grpc::ServerContext* /*context*/,
                                 grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    ++calls;
    writer->Write(v1::LoadSessionResponse());
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "database away");
  };
  const absl::Status status =
      client_.LoadSession(kSession, 0, [](const SessionPage& /*page*/) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_EQ(calls, 1);
}

TEST_F(ClientTest, ErrorOfThePageCallbackEndsTheReading) {
  store_.load_session = [](grpc::ServerContext* context, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    while (!context->IsCancelled()) writer->Write(v1::LoadSessionResponse());
    return grpc::Status::CANCELLED;
  };
  const absl::Status status =
      client_.LoadSession(kSession, 0, [](const SessionPage& /*page*/) { return absl::AbortedError("enough"); });
  EXPECT_EQ(status, absl::AbortedError("enough"));
}

TEST_F(ClientTest, MessagesAboveTheDefaultLimitPass) {
  const std::string big(std::size_t{20} << 20, 'x');
  store_.get_creds = [&big](const v1::GetCredsRequest& /*request*/, v1::GetCredsResponse* response) {
    response->mutable_creds()->set_raw(big);
    return grpc::Status::OK;
  };
  const auto creds = client_.GetCreds(kSession);
  ASSERT_TRUE(creds.ok()) << creds.status();
  EXPECT_EQ(creds->value.bytes.size(), big.size());
}

TEST_F(ClientTest, CancelEndsACallUnderWay) {
  absl::Notification began;
  store_.load_session = [&began](grpc::ServerContext* context, grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
    began.Notify();
    while (!context->IsCancelled()) writer->Write(v1::LoadSessionResponse());
    return grpc::Status::CANCELLED;
  };
  std::thread canceller([this, &began] {
    began.WaitForNotification();
    client_.Cancel();
  });
  const absl::Status status =
      client_.LoadSession(kSession, 0, [](const SessionPage& /*page*/) { return absl::OkStatus(); });
  canceller.join();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
}

TEST_F(ClientTest, CallsAfterCancelFail) {
  client_.Cancel();
  EXPECT_TRUE(absl::IsCancelled(client_.GetCreds(kSession).status()));
}

TEST(UnreachableServerTest, IsUnavailable) {
  ClientOptions options;
  options.address = "unix:/nonexistent/authstated.sock";
  options.patience = absl::ZeroDuration();
  Client client(options);
  EXPECT_TRUE(absl::IsUnavailable(client.GetCreds(kSession).status()));
}

}  // namespace
}  // namespace authstate::client

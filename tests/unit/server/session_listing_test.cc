#include "server/handlers/session_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/error.h"
#include "tests/unit/server/held_backend.h"

namespace authstate::server {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kPaired[] = R"({"me":{"id":"5511:12@s.whatsapp.net"},"account":{}})";
constexpr char kUnpaired[] = R"({"registered":false})";

class SessionListingTest : public testing::Test {
 protected:
  void Write(const std::string& session_id, const std::string& creds) {
    storage::Commit commit;
    commit.session_id = session_id;
    if (!creds.empty()) commit.creds = Value{ValueKind::kJson, creds};
    commit.sets = {{{"pre-key", "1"}, {ValueKind::kRaw, "v"}}};
    std::vector<storage::Commit> batch;
    batch.push_back(std::move(commit));
    backend_.memory().Apply(std::move(batch), absl::InfiniteFuture(),
                            [](const std::vector<absl::StatusOr<storage::Applied>>& results) {
                              ASSERT_TRUE(results[0].ok()) << results[0].status();
                            });
  }

  v1::ListSessionsResponse Page(const v1::ListSessionsRequest& request) {
    v1::ListSessionsResponse response;
    AuthStateHandlers(&backend_).Handle(request, visible_, absl::InfiniteFuture(),
                                        [&response](absl::StatusOr<v1::ListSessionsResponse> answer) {
                                          ASSERT_TRUE(answer.ok()) << answer.status();
                                          response = *std::move(answer);
                                        });
    return response;
  }

  // Ids and states over all pages.
  std::vector<std::pair<std::string, v1::SessionState>> All(v1::ListSessionsRequest request) {
    std::vector<std::pair<std::string, v1::SessionState>> sessions;
    pages_ = 0;
    do {
      const v1::ListSessionsResponse page = Page(request);
      for (const v1::Session& session : page.sessions()) sessions.emplace_back(session.session_id(), session.state());
      request.set_page_token(page.next_page_token());
      ++pages_;
    } while (!request.page_token().empty());
    return sessions;
  }

  static v1::ListSessionsRequest WithState() {
    v1::ListSessionsRequest request;
    request.set_with_state(true);
    return request;
  }

  HeldBackend backend_;
  std::vector<storage::SessionScope> visible_ = {{"", /*prefix=*/true}};
  int pages_ = 0;
};

TEST_F(SessionListingTest, EveryPageTellsWhichStoreItIsOf) {
  const std::string id = backend_.memory().Describe().store_id;
  EXPECT_EQ(id.size(), 32U);
  for (int i = 0; i < 2; ++i) Write(absl::StrCat("s", i), kPaired);
  v1::ListSessionsRequest request;
  request.set_page_size(1);
  const v1::ListSessionsResponse first = Page(request);
  EXPECT_EQ(first.store_id(), id);
  request.set_page_token(first.next_page_token());
  EXPECT_EQ(Page(request).store_id(), id);
}

TEST_F(SessionListingTest, EveryPageTellsWhichFieldsAreKnown) {
  EXPECT_EQ(Page({}).knows_fields_up_to(), v1::ListSessionsRequest::kWithStateFieldNumber);
  EXPECT_EQ(Page(WithState()).knows_fields_up_to(), v1::ListSessionsRequest::kWithStateFieldNumber);
}

TEST_F(SessionListingTest, StatesAreToldByOneReadIfAsked) {
  Write("a", kPaired);
  Write("b", kUnpaired);
  Write("c", "");
  Write("d", "[]");
  Write("e", R"({"me":{"id":"5511@s.whatsapp.net","name":"~"},"pairingCode":"ABCD1234"})");
  Write("f", R"({"me":{"id":"5511:12@s.whatsapp.net"}})");
  EXPECT_EQ(Page({}).sessions(0).state(), v1::SESSION_STATE_UNSPECIFIED);
  EXPECT_THAT(backend_.reads.sizes, ElementsAre());
  EXPECT_THAT(All(WithState()),
              ElementsAre(Pair("a", v1::SESSION_STATE_PAIRED), Pair("b", v1::SESSION_STATE_UNPAIRED),
                          Pair("c", v1::SESSION_STATE_ORPHANED), Pair("d", v1::SESSION_STATE_DAMAGED),
                          Pair("e", v1::SESSION_STATE_CODE_REQUESTED), Pair("f", v1::SESSION_STATE_HALF_PAIRED)));
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(5));
}

TEST_F(SessionListingTest, StatesAreAFilterOverAllPages) {
  for (int i = 0; i < 25; ++i) Write(absl::StrFormat("s%02d", i), i == 3 || i == 24 ? kUnpaired : kPaired);
  Write("t", "");
  v1::ListSessionsRequest request;
  request.set_page_size(5);
  request.add_states(v1::SESSION_STATE_ORPHANED);
  request.add_states(v1::SESSION_STATE_UNPAIRED);
  EXPECT_THAT(All(request),
              ElementsAre(Pair("s03", v1::SESSION_STATE_UNPAIRED), Pair("s24", v1::SESSION_STATE_UNPAIRED),
                          Pair("t", v1::SESSION_STATE_ORPHANED)));
  EXPECT_EQ(pages_, 6);
}

TEST_F(SessionListingTest, AThousandSessionsAreReadInBoundedPages) {
  for (int i = 0; i < 600; ++i) Write(absl::StrFormat("s%03d", i), kPaired);
  v1::ListSessionsRequest request = WithState();
  request.set_page_size(1'000);
  EXPECT_EQ(All(request).size(), 600U);
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(256, 256, 88));
}

TEST_F(SessionListingTest, LargeCredsAreReadAlone) {
  const std::string large =
      absl::StrCat(R"({"me":{"id":"5511:12@s.whatsapp.net"},"account":{},"x":")", std::string(300'000, 'x'), "\"}");
  Write("a", large);
  Write("b", kUnpaired);
  Write("c", large);
  Write("d", large);
  EXPECT_THAT(All(WithState()), ElementsAre(Pair("a", v1::SESSION_STATE_PAIRED), Pair("b", v1::SESSION_STATE_UNPAIRED),
                                            Pair("c", v1::SESSION_STATE_PAIRED), Pair("d", v1::SESSION_STATE_PAIRED)));
  EXPECT_THAT(backend_.reads.sizes, ElementsAre(4, 1, 3, 2, 1, 1));
}

TEST_F(SessionListingTest, ASessionThatIsDeletedMeanwhileIsLeftOut) {
  Write("a", kPaired);
  Write("b", kPaired);
  backend_.reads.hold = true;
  absl::StatusOr<v1::ListSessionsResponse> page = absl::UnknownError("no answer");
  AuthStateHandlers(&backend_).Handle(
      WithState(), visible_, absl::InfiniteFuture(),
      [&page](absl::StatusOr<v1::ListSessionsResponse> answer) { page = std::move(answer); });
  storage::Commit deletion;
  deletion.session_id = "a";
  deletion.action = storage::Commit::Action::kDeleteSession;
  backend_.memory().Apply({deletion}, absl::InfiniteFuture(), [](const auto& /*results*/) {});
  backend_.reads.Release();
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->sessions_size(), 1);
  EXPECT_EQ(page->sessions(0).session_id(), "b");
}

TEST_F(SessionListingTest, CredsThatCannotBeReadAreDamagedAndAnyOtherFailureIsNoAnswer) {
  Write("a", kPaired);
  Write("b", kPaired);
  backend_.failing_reads["b"] = storage::DamagedSession();
  EXPECT_THAT(All(WithState()), ElementsAre(Pair("a", v1::SESSION_STATE_PAIRED), Pair("b", v1::SESSION_STATE_DAMAGED)));
  backend_.failing_reads["b"] = absl::UnavailableError("away");
  absl::Status status;
  AuthStateHandlers(&backend_).Handle(
      WithState(), visible_, absl::InfiniteFuture(),
      [&status](const absl::StatusOr<v1::ListSessionsResponse>& answer) { status = answer.status(); });
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(SessionListingTest, PagesOfACallerWithScopesAddUpToThese) {
  for (int i = 0; i < 25; ++i) Write(absl::StrFormat("s%02d", i), kPaired);
  visible_ = {{"s03", false}, {"s1", true}, {"s24", false}};
  v1::ListSessionsRequest request = WithState();
  request.set_page_size(4);
  const auto sessions = All(request);
  EXPECT_EQ(sessions.size(), 12U);
  EXPECT_EQ(sessions.front().first, "s03");
  EXPECT_EQ(sessions.back().first, "s24");
  EXPECT_EQ(pages_, 3);
}

}  // namespace
}  // namespace authstate::server

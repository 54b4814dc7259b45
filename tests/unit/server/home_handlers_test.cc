#include "server/handlers/home_handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/handlers/request_error.h"
#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "storage/near/far_homes.h"

namespace authstate::server {
namespace {

using testing::ElementsAre;

const std::string kLost(32, 'a');
const std::string kOwn(32, 'b');

class HomeHandlersTest : public testing::Test {
 protected:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(const Request& request) {
    absl::StatusOr<Response> answer = absl::UnknownError("no answer");
    handlers_.Handle(request, absl::InfiniteFuture(),
                     [&answer](absl::StatusOr<Response> given) { answer = std::move(given); });
    return answer;
  }
  void Acquire(const std::string& session_id, const std::string& owner) {
    storage::LeaseRequest request;
    request.session_id = session_id;
    request.action = storage::LeaseRequest::Action::kAcquire;
    request.owner = owner;
    request.ttl = storage::kEndlessLease;
    backend_->Leases({request}, absl::InfiniteFuture(),
                     [](const auto& results) { ASSERT_TRUE(results.front().ok()) << results.front().status(); });
  }
  static v1::AbandonHomeRequest AbandonRequest(const std::string& session_id, const std::string& store_id) {
    v1::AbandonHomeRequest request;
    request.set_session_id(session_id);
    request.set_store_id(store_id);
    return request;
  }

  const std::unique_ptr<storage::Backend> backend_ = storage::NewMemoryBackend();
  HomeHandlers handlers_{backend_.get(), [] {
                           storage::WriteBehindState own;
                           own.store_id = kOwn;
                           return std::make_optional(own);
                         }};
};

TEST_F(HomeHandlersTest, PagesLeadToEveryHomeOnce) {
  for (const char* const session_id : {"a", "b", "c"}) Acquire(session_id, absl::StrCat("home:", kLost, "@one:1"));
  Acquire("pool's", "pool");
  v1::ListHomesRequest request;
  request.set_page_size(2);
  std::vector<std::string> sessions;
  do {
    const auto page = Ask<v1::ListHomesResponse>(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const v1::Home& home : page->homes()) {
      sessions.push_back(home.session_id());
      EXPECT_EQ(home.store_id(), kLost);
      EXPECT_EQ(home.address(), "one:1");
      EXPECT_FALSE(home.has_write_time());
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(sessions, ElementsAre("a", "b", "c"));
}

TEST_F(HomeHandlersTest, BadRequestNamesItsField) {
  v1::ListHomesRequest list;
  list.set_store_id("A");
  EXPECT_EQ(FieldOf(Ask<v1::ListHomesResponse>(list).status()), "store_id");
  list.clear_store_id();
  list.set_page_size(1'001);
  EXPECT_EQ(FieldOf(Ask<v1::ListHomesResponse>(list).status()), "page_size");
  list.clear_page_size();
  list.set_page_token("not one");
  EXPECT_EQ(FieldOf(Ask<v1::ListHomesResponse>(list).status()), "page_token");
  EXPECT_EQ(FieldOf(Ask<v1::AbandonHomeResponse>(AbandonRequest("a b", kLost)).status()), "session_id");
  EXPECT_EQ(FieldOf(Ask<v1::AbandonHomeResponse>(AbandonRequest("s", "")).status()), "store_id");
}

TEST_F(HomeHandlersTest, AbandonedSessionIsNobodysAndAnsweredForOnce) {
  Acquire("s", absl::StrCat("home:", kLost));
  const auto first = Ask<v1::AbandonHomeResponse>(AbandonRequest("s", kLost));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_TRUE(first->abandoned());
  Acquire("s", "pool");
  const auto again = Ask<v1::AbandonHomeResponse>(AbandonRequest("s", kLost));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_FALSE(again->abandoned());
  EXPECT_EQ(again->owner(), "pool");
}

TEST_F(HomeHandlersTest, WhatIsAtHomeInTheServersOwnFileIsNotAbandoned) {
  Acquire("s", absl::StrCat("home:", kOwn));
  const absl::Status refused = Ask<v1::AbandonHomeResponse>(AbandonRequest("s", kOwn)).status();
  EXPECT_EQ(storage::ReasonOf(refused), storage::kHomeServed);
  EXPECT_EQ(storage::OutcomeOf(refused), storage::Outcome::kNotApplied);
}

}  // namespace
}  // namespace authstate::server

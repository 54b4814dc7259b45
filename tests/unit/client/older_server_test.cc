// The client with a server of an older version, which ignores what it does not know of a request, and answers all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/unit/client/fake_store.h"

namespace authstate::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kSession[] = "demo";

class OlderServerTest : public ::testing::Test {
 protected:
  OlderServerTest() {
    store_.version = "0.0.9";
    store_.list_sessions = [this](const v1::ListSessionsRequest& request, v1::ListSessionsResponse* response) {
      response->add_sessions()->set_session_id(request.page_token().empty() ? "a" : "b");
      if (request.page_token().empty()) response->set_next_page_token("second");
      response->set_knows_fields_up_to(knows_(request.page_token()));
      return grpc::Status::OK;
    };
    store_.load_session = [this](grpc::ServerContext* /*context*/,
                                 grpc::ServerWriter<v1::LoadSessionResponse>* writer) {
      v1::LoadSessionResponse page;
      page.set_knows_fields_up_to(knows_(""));
      v1::KeyEntry& key = *page.add_keys();
      key.mutable_key()->set_type("pre-key");
      key.mutable_value()->set_json("{}");
      writer->Write(page);
      page.clear_knows_fields_up_to();
      writer->Write(page);
      return grpc::Status::OK;
    };
    ClientOptions options;
    options.address = store_.address();
    client_.emplace(options);
  }

  absl::Status List(const SessionFilter& filter) {
    return client_
        ->ListSessions(filter,
                       [this](const SessionSummary& /*session*/) {
                         ++handed_out_;
                         return absl::OkStatus();
                       })
        .status();
  }
  absl::Status Load(const SessionSelection& selection) {
    return client_->LoadSession(
        kSession, 0,
        [this](const SessionPage& /*page*/) {
          ++handed_out_;
          return absl::OkStatus();
        },
        0, selection);
  }

  static SessionFilter Stale() {
    SessionFilter filter;
    filter.unwritten_for = absl::Hours(24);
    return filter;
  }

  FakeStore store_;
  // What the server says that it knows, by the page that it is asked for.
  std::function<std::uint32_t(const std::string& page_token)> knows_ = [](const std::string& /*page_token*/) {
    return 0;
  };
  std::optional<Client> client_;
  int handed_out_ = 0;
};

TEST_F(OlderServerTest, ListsWhatItsVersionKnows) {
  SessionFilter filter;
  filter.prefix = "a";
  filter.leased = true;
  EXPECT_TRUE(List(filter).ok());
  EXPECT_EQ(handed_out_, 2);
}

TEST_F(OlderServerTest, IsRefusedWhereItDoesNotFilter) {
  const absl::Status status = List(Stale());
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(ReasonOf(status), "SERVER_TOO_OLD");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("version 0.0.9"), HasSubstr("does not know unwritten_for"), HasSubstr("upgrade it")));
  EXPECT_EQ(handed_out_, 0);
}

TEST_F(OlderServerTest, IsRefusedForEachOfTheFilters) {
  std::vector<SessionFilter> filters(4);
  filters[0].has_creds = false;
  filters[1].states = {SessionState::kPaired};
  filters[2].with_size = true;
  filters[3].with_state = true;
  for (const SessionFilter& filter : filters) EXPECT_EQ(ReasonOf(List(filter)), "SERVER_TOO_OLD");
  EXPECT_EQ(handed_out_, 0);
}

// The servers of an address are replaced one after the other.
TEST_F(OlderServerTest, IsRefusedAlsoForALaterPage) {
  knows_ = [](const std::string& page_token) { return page_token.empty() ? 9 : 0; };
  EXPECT_EQ(ReasonOf(List(Stale())), "SERVER_TOO_OLD");
  EXPECT_EQ(handed_out_, 1);
}

TEST_F(OlderServerTest, IsNoneWhereItKnowsTheLastFieldThatIsAskedFor) {
  knows_ = [](const std::string& /*page_token*/) { return 5; };
  EXPECT_TRUE(List(Stale()).ok());
  SessionFilter filter = Stale();
  filter.has_creds = false;
  EXPECT_THAT(std::string(List(filter).message()), HasSubstr("does not know has_creds"));
}

TEST_F(OlderServerTest, NeedNotTellItsVersion) {
  store_.version = "";
  EXPECT_EQ(ReasonOf(List(Stale())), "SERVER_TOO_OLD");
}

TEST_F(OlderServerTest, LoadsWholeSessions) {
  EXPECT_TRUE(Load({}).ok());
  EXPECT_EQ(handed_out_, 2);
}

TEST_F(OlderServerTest, IsRefusedWhereItLoadsMoreThanWasSelected) {
  std::vector<SessionSelection> selections(4);
  selections[0].types = {"pre-key"};
  selections[1].unchanged_for = absl::Hours(24);
  selections[2].without_creds = true;
  selections[3].without_values = true;
  for (const SessionSelection& selection : selections) {
    const absl::Status status = Load(selection);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_EQ(ReasonOf(status), "SERVER_TOO_OLD");
  }
  EXPECT_EQ(handed_out_, 0);
}

TEST_F(OlderServerTest, IsNoneWhereItsFirstPageSaysWhatItKnows) {
  knows_ = [](const std::string& /*page_token*/) { return 7; };
  SessionSelection selection;
  selection.unchanged_for = absl::Hours(24);
  EXPECT_TRUE(Load(selection).ok());
  EXPECT_EQ(handed_out_, 2);
}

}  // namespace
}  // namespace authstate::client

#include "server/handlers/visible_sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"

namespace authstate::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A memory backend that notes what it is asked to list.
class NotingBackend final : public storage::ForwardingBackend {
 public:
  NotingBackend() : ForwardingBackend(storage::NewMemoryBackend()) {}

  std::vector<storage::ListRequest> lists;
  absl::Status failure;

  void List(storage::ListRequest request, absl::Time deadline, ListDone done) override {
    lists.push_back(request);
    if (!failure.ok()) return std::move(done)(failure);
    inner().List(std::move(request), deadline, std::move(done));
  }
};

class VisibleSessionsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* id : {"a", "ab", "b", "b1", "b2", "b3", "c", "ca", "d"}) {
      storage::Commit commit;
      commit.session_id = id;
      commit.creds = Value{ValueKind::kJson, "{}"};
      std::vector<storage::Commit> batch;
      batch.push_back(std::move(commit));
      backend_.Apply(std::move(batch), absl::InfiniteFuture(),
                     [](const auto& results) { ASSERT_TRUE(results[0].ok()) << results[0].status(); });
    }
  }

  std::vector<std::string> List(std::vector<storage::SessionScope> visible, std::size_t limit = 100,
                                const std::string& after = "", const std::string& prefix = "") {
    storage::ListRequest request;
    request.limit = limit;
    request.after = after;
    request.prefix = prefix;
    std::vector<std::string> ids;
    backend_.lists.clear();
    ListVisible(&backend_, request, std::move(visible), absl::InfiniteFuture(), [this, &ids](auto sessions) {
      status_ = sessions.status();
      if (!sessions.ok()) return;
      for (const storage::SessionSummary& session : *sessions) ids.push_back(session.session_id);
    });
    return ids;
  }

  NotingBackend backend_;
  absl::Status status_;
  const std::vector<storage::SessionScope> several_ = {{"a", false}, {"b", true}, {"ca", false}, {"x", true}};
};

TEST_F(VisibleSessionsTest, EverySessionIsOneList) {
  EXPECT_THAT(List({{"", true}}), SizeIs(9));
  EXPECT_THAT(backend_.lists, SizeIs(1));
}

TEST_F(VisibleSessionsTest, ShowsThoseOfSeveralScopesInOrderAndNoOther) {
  EXPECT_THAT(List(several_), ElementsAre("a", "b", "b1", "b2", "b3", "ca"));
}

TEST_F(VisibleSessionsTest, PagesOfAnySizeAddUpToTheWhole) {
  for (std::size_t size = 1; size <= 7; ++size) {
    std::vector<std::string> all;
    std::string after;
    while (true) {
      const std::vector<std::string> page = List(several_, size, after);
      all.insert(all.end(), page.begin(), page.end());
      if (page.size() < size) break;
      after = page.back();
    }
    EXPECT_THAT(all, ElementsAre("a", "b", "b1", "b2", "b3", "ca")) << size;
  }
}

TEST_F(VisibleSessionsTest, APageThatIsFullAsksForNoMore) {
  EXPECT_THAT(List(several_, 2), ElementsAre("a", "b"));
  ASSERT_THAT(backend_.lists, SizeIs(2));
  EXPECT_EQ(backend_.lists[1].limit, 1U);
}

TEST_F(VisibleSessionsTest, APageThatFollowsAsksForNothingBeforeIt) {
  EXPECT_THAT(List(several_, 2, "b3"), ElementsAre("ca"));
  ASSERT_THAT(backend_.lists, SizeIs(3));
  EXPECT_EQ(backend_.lists[0].prefix, "b");
  EXPECT_EQ(backend_.lists[0].after, "b3");
  EXPECT_EQ(backend_.lists[1].prefix, "ca");
  EXPECT_EQ(backend_.lists[1].after, "");
}

TEST_F(VisibleSessionsTest, APlaceThatIsNotVisibleShowsNothingOfIt) {
  // A page token can be made up.
  EXPECT_THAT(List(several_, 100, "c"), ElementsAre("ca"));
  EXPECT_THAT(List(several_, 100, "ca"), IsEmpty());
  EXPECT_THAT(List(several_, 100, "aaa"), ElementsAre("b", "b1", "b2", "b3", "ca"));
}

TEST_F(VisibleSessionsTest, APrefixNarrowsWhatIsVisible) {
  EXPECT_THAT(List(several_, 100, "", "b1"), ElementsAre("b1"));
  EXPECT_THAT(List(several_, 100, "", "c"), ElementsAre("ca"));
  EXPECT_THAT(List(several_, 100, "", "d"), IsEmpty());
  EXPECT_THAT(backend_.lists, IsEmpty());
}

TEST_F(VisibleSessionsTest, AFailureIsToldAsOne) {
  backend_.failure = absl::UnavailableError("away");
  EXPECT_THAT(List(several_), IsEmpty());
  EXPECT_EQ(status_, backend_.failure);
}

}  // namespace
}  // namespace authstate::server

#include "storage/moving/session_digest.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "storage/await_call.h"
#include "storage/memory/memory_backend.h"

namespace authstate::storage {
namespace {

Value Json(std::string text) { return {ValueKind::kJson, std::move(text)}; }
Value Raw(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }

Commit Session() {
  Commit commit;
  commit.session_id = "s";
  commit.creds = Json(R"({"registered":true,"id":1})");
  commit.sets = {{{"pre-key", "1"}, Raw("one")}, {{"pre-key", "2"}, Raw("two")}, {{"session", "1"}, Json("[1]")}};
  return commit;
}

SessionDigest DigestOf(Commit commit) {
  const std::unique_ptr<Backend> backend = NewMemoryBackend();
  const auto applied = AwaitCall<std::vector<absl::StatusOr<Applied>>>(
      [&](auto done) { backend->Apply({std::move(commit)}, absl::InfiniteFuture(), std::move(done)); });
  EXPECT_TRUE(applied.front().ok());
  auto digest = DigestSession(*backend, "s", absl::InfiniteFuture());
  EXPECT_TRUE(digest.ok());
  return digest.value_or(SessionDigest());
}

TEST(SessionDigestTest, TheSameContentInAnotherFormIsTheSame) {
  Commit other = Session();
  other.creds = Json(R"({"id":1.0,"registered":true})");
  std::swap(other.sets[0], other.sets[2]);
  EXPECT_TRUE(DigestOf(Session()).SameContent(DigestOf(std::move(other))));
}

TEST(SessionDigestTest, EveryChangeIsSeen) {
  std::vector<Commit> changed(9, Session());
  changed[0].creds = Json(R"({"registered":false,"id":1})");
  changed[1].creds.reset();
  changed[2].sets[0].value = Raw("onf");
  changed[3].sets[0].value = Raw("");
  changed[4].sets[0].value = Json("\"one\"");
  changed[5].sets[0].name.id = "3";
  changed[6].sets[0].name.type = "session";
  changed[6].sets[0].name.id = "0";
  changed[7].sets.pop_back();
  changed[8].sets.push_back({{"pre-key", "9"}, Raw("nine")});
  const SessionDigest digest = DigestOf(Session());
  for (std::size_t i = 0; i < changed.size(); ++i) EXPECT_FALSE(digest.SameContent(DigestOf(changed[i]))) << i;
}

TEST(SessionDigestTest, NamesDoNotRunIntoEachOther) {
  Commit first = Session();
  first.sets = {{{"ab", "c"}, Raw("v")}};
  Commit second = Session();
  second.sets = {{{"a", "bc"}, Raw("v")}};
  EXPECT_FALSE(DigestOf(std::move(first)).SameContent(DigestOf(std::move(second))));
}

TEST(SessionDigestTest, ASessionThatIsNotThereIsAnAnswer) {
  const std::unique_ptr<Backend> backend = NewMemoryBackend();
  const auto digest = DigestSession(*backend, "s", absl::InfiniteFuture());
  ASSERT_TRUE(digest.ok());
  EXPECT_FALSE(digest->exists);
}

TEST(SessionDigestTest, AFailureIsNotAnAbsence) {
  const std::unique_ptr<Backend> backend = NewMemoryBackend();
  EXPECT_TRUE(absl::IsDeadlineExceeded(DigestSession(*backend, "s", absl::InfinitePast()).status()));
}

}  // namespace
}  // namespace authstate::storage

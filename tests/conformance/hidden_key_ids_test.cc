// Databases that hide key ids (storage/sealing/hidden_names.h), past what the whole suite shows of them.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "migrations/seal_sessions.h"
#include "storage/moving/session_digest.h"
#include "tests/conformance/sealed_sessions_test.h"

namespace authstate::storage {
namespace {

using migrations::SealSessions;
using ::testing::HasSubstr;

const KeyName kPhone = {"session", "5511999998888.0"};

class HiddenKeyIdsTest : public SealedSessionsTest {
 protected:
  std::unique_ptr<Backend> OpenHidden(const SharedKeyring& keyring) {
    auto backend = store().Open(keyring, /*hide_key_ids=*/true);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }
  absl::StatusOr<migrations::SealingReport> Seal(const SharedKeyring& keyring) {
    const auto sealer = store().OpenSealer();
    if (!sealer.ok()) return sealer.status();
    return SealSessions(**sealer, *keyring, [](std::uint64_t) {});
  }
  std::string StoredIds() { return store().Query("SELECT key_id FROM auth_keys ORDER BY key_id"); }
};

INSTANTIATE_TEST_SUITE_P(Stores, HiddenKeyIdsTest, testing::Values("Sqlite", "Postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(HiddenKeyIdsTest, IdsAreNotStoredAndCallersSeeThem) {
  const auto backend = OpenHidden(keyring_);
  EXPECT_TRUE(backend->Describe().hides_key_ids);
  ASSERT_TRUE(Apply(*backend, Write("s", "one", kPhone)).ok());
  EXPECT_EQ(StoredIds().size(), 22U);
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys WHERE key_id LIKE '%5511%'"), "0");
  EXPECT_EQ(TextOf(Read(*backend, "s", kPhone)), "\"one\"");
  Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
  SnapshotRequest request;
  request.session_id = "s";
  request.want_values = false;
  backend->OpenSnapshot(request, Soon(), opened.Done());
  const auto snapshot = opened.Await();
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  Answer<absl::StatusOr<Snapshot::Page>> answer;
  (*snapshot)->Next(std::size_t{1} << 20, Soon(), answer.Done());
  const auto page = answer.Await();
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->keys.empty());
  ASSERT_EQ(page->summaries.size(), 1U);
  EXPECT_EQ(page->summaries[0].name, kPhone);
  EXPECT_TRUE(page->summaries[0].change_time.has_value());
}

TEST_P(HiddenKeyIdsTest, TheSameIdIsAnotherInEachSessionAndType) {
  const auto backend = OpenHidden(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "one", kPhone)).ok());
  ASSERT_TRUE(Apply(*backend, Write("t", "two", kPhone)).ok());
  ASSERT_TRUE(Apply(*backend, Write("s", "three", {"sender-key", kPhone.id})).ok());
  EXPECT_EQ(store().Query("SELECT count(DISTINCT key_id) FROM auth_keys"), "3");
}

TEST_P(HiddenKeyIdsTest, AServerWithoutTheOptionFindsThemToo) {
  ASSERT_TRUE(Apply(*OpenHidden(keyring_), Write("s", "one", kPhone)).ok());
  const auto backend = Open(keyring_);
  EXPECT_EQ(TextOf(Read(*backend, "s", kPhone)), "\"one\"");
  ASSERT_TRUE(Apply(*backend, Write("s", "two", kPhone)).ok());
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys"), "1");
}

TEST_P(HiddenKeyIdsTest, AStoreWithSessionsIsRefusedAndStaysAsItIs) {
  ASSERT_TRUE(Apply(*Open(keyring_), Write("s", "one", kPhone)).ok());
  const absl::Status refused = store().Open(keyring_, /*hide_key_ids=*/true).status();
  EXPECT_EQ(ReasonOf(refused).value_or(""), kKeyringMismatch);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("make another one with it, and bring the sessions there"));
  const auto backend = Open(keyring_);
  EXPECT_FALSE(backend->Describe().hides_key_ids);
  EXPECT_EQ(TextOf(Read(*backend, "s", kPhone)), "\"one\"");
  // Without sessions it may.
  ASSERT_TRUE(Apply(*backend, Delete("s")).ok());
}

TEST_P(HiddenKeyIdsTest, VersionsThatKnowNoHiddenIdsAreKeptAwayFromThenOn) {
  const char* const kept_away =
      "SELECT serves_from = version FROM auth_schema_migrations WHERE name = 'hidden_key_ids'";
  Open(keyring_).reset();
  const std::string before = store().Query(kept_away);
  OpenHidden(keyring_).reset();
  EXPECT_NE(store().Query(kept_away), before);
}

TEST_P(HiddenKeyIdsTest, AnotherKeyOfTheKeyringTakesNoRowOfASession) {
  ASSERT_TRUE(Apply(*OpenHidden(keyring_), Write("s", "one", kPhone)).ok());
  const std::string ids = StoredIds();
  const std::string values = HexOf("value", "auth_keys");
  const SharedKeyring both = MakeKeyring({{"n", 'b'}, {"k", 'a'}});
  Open(both).reset();
  const auto report = Seal(both);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->unused, ::testing::ElementsAre("k"));
  EXPECT_EQ(StoredIds(), ids);
  EXPECT_EQ(HexOf("value", "auth_keys"), values);
  EXPECT_EQ(TextOf(Read(*Open(MakeKeyring({{"n", 'b'}})), "s", kPhone)), "\"one\"");
}

TEST_P(HiddenKeyIdsTest, TheirKeyIsNotForgottenWhileItHidesThem) {
  OpenHidden(keyring_).reset();
  const SharedKeyring both = MakeKeyring({{"n", 'b'}, {"k", 'a'}});
  Open(both).reset();
  const auto sealer = store().OpenSealer();
  ASSERT_TRUE(sealer.ok()) << sealer.status();
  const auto forgotten = (*sealer)->ForgetUnused("n");
  ASSERT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_THAT(*forgotten, ::testing::IsEmpty());
}

TEST_P(HiddenKeyIdsTest, TheyAreNotWrittenInPlain) {
  ASSERT_TRUE(Apply(*OpenHidden(keyring_), Write("s", "one", kPhone)).ok());
  const absl::Status refused = Seal(inactive_).status();
  EXPECT_EQ(ReasonOf(refused).value_or(""), kKeyringMismatch);
  EXPECT_THAT(WhyNot(inactive_), HasSubstr("plain sessions show the key ids"));
  EXPECT_EQ(TextOf(Read(*Open(keyring_), "s", kPhone)), "\"one\"");
}

TEST_P(HiddenKeyIdsTest, AChangedHidingKeyIsDamageAndNotReady) {
  ASSERT_TRUE(Apply(*OpenHidden(keyring_), Write("s", "one", kPhone)).ok());
  const std::string hiding_key = HexOf("wrapped", "auth_hidden_key_ids");
  SetHex("auth_hidden_key_ids", "wrapped", Flipped(hiding_key, 30));
  EXPECT_EQ(store().Open(keyring_).status().code(), absl::StatusCode::kDataLoss);
  // Nor is that of a session one.
  SetHex("auth_hidden_key_ids", "wrapped", HexOf("data_key", "auth_sessions"));
  EXPECT_EQ(store().Open(keyring_).status().code(), absl::StatusCode::kDataLoss);
}

TEST_P(HiddenKeyIdsTest, ARowUnderAnotherHiddenIdAnswersForNone) {
  const KeyName other = {"session", "5511999997777.0"};
  const auto backend = OpenHidden(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "one", kPhone)).ok());
  const std::string hidden = StoredIds();
  ASSERT_TRUE(Apply(*backend, Write("s", "two", other)).ok());
  const std::string hidden_other =
      store().Query(absl::StrCat("SELECT key_id FROM auth_keys WHERE key_id <> '", hidden, "'"));
  const auto rename = [this](const std::string& from, const std::string& to) {
    store().Sql(absl::StrCat("UPDATE auth_keys SET key_id = '", to, "' WHERE key_id = '", from, "'"));
  };
  for (std::size_t byte = 0; byte < hidden.size(); ++byte) {
    std::string flipped = hidden;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 1);
    rename(hidden, flipped);
    ExpectDamaged(*backend, "s", kPhone);
    rename(flipped, hidden);
  }
  const auto swap = [&] {
    rename(hidden, "away");
    rename(hidden_other, hidden);
    rename("away", hidden_other);
  };
  swap();
  for (const KeyName& name : {kPhone, other}) {
    EXPECT_EQ(Read(*backend, "s", name, false).status().code(), absl::StatusCode::kDataLoss);
  }
  EXPECT_EQ(ReadWhole(*backend, "s").code(), absl::StatusCode::kDataLoss);
  swap();
  // What stands in them.
  const auto value_of = [](const std::string& id) { return absl::StrCat("auth_keys WHERE key_id = '", id, "'"); };
  const std::string value = HexOf("value", value_of(hidden));
  SetHex("auth_keys", "value", HexOf("value", value_of(hidden_other)), absl::StrCat("key_id = '", hidden, "'"));
  EXPECT_EQ(Read(*backend, "s", kPhone, false).status().code(), absl::StatusCode::kDataLoss);
  SetHex("auth_keys", "value", value, absl::StrCat("key_id = '", hidden, "'"));
  EXPECT_EQ(TextOf(Read(*backend, "s", kPhone)), "\"one\"");
  EXPECT_TRUE(ReadWhole(*backend, "s").ok());
}

TEST_P(HiddenKeyIdsTest, AStoreThatHidesThemKeepsTheSameAsOneThatDoesNot) {
  const auto hidden = OpenHidden(keyring_);
  SqliteStore other;
  const auto shown = other.Open(keyring_, /*hide_key_ids=*/false);
  ASSERT_TRUE(shown.ok()) << shown.status();
  Commit commit = Write("s", "one");
  for (int i = 0; i < 100; ++i) {
    commit.sets.push_back({{"pre-key", absl::StrCat(i)}, {ValueKind::kJson, absl::StrCat(i)}});
  }
  std::optional<SessionDigest> digests[2];
  for (Backend* const backend : {hidden.get(), shown->get()}) {
    ASSERT_TRUE(Apply(*backend, commit).ok());
    const auto digest = DigestSession(*backend, "s", Soon());
    ASSERT_TRUE(digest.ok()) << digest.status();
    digests[backend == hidden.get() ? 0 : 1] = *digest;
  }
  EXPECT_TRUE(digests[0]->SameContent(*digests[1]));
  commit.sets.front().value.bytes = "\"other\"";
  ASSERT_TRUE(Apply(*hidden, commit).ok());
  EXPECT_FALSE(DigestSession(*hidden, "s", Soon())->SameContent(*digests[1]));
}

class SharedHiddenKeyIdsTest : public SharedSessionsTest {};

INSTANTIATE_TEST_SUITE_P(Stores, SharedHiddenKeyIdsTest, testing::Values("Postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SharedHiddenKeyIdsTest, ServersThatHideThemAtOnceAgree) {
  constexpr int kServers = 4;
  std::vector<std::unique_ptr<Backend>> servers(kServers);
  std::vector<std::thread> threads;
  for (int i = 0; i < kServers; ++i) {
    threads.emplace_back([&, i] {
      auto backend = store().Open(keyring_, /*hide_key_ids=*/true);
      if (backend.ok()) servers[i] = *std::move(backend);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& server : servers) ASSERT_NE(server, nullptr);
  ASSERT_TRUE(Apply(*servers[0], Write("s", "one", kPhone)).ok());
  for (const auto& server : servers) EXPECT_EQ(TextOf(Read(*server, "s", kPhone)), "\"one\"");
}

// Whoever was started before looks for keys by their ids, and would find none.
TEST_P(SharedHiddenKeyIdsTest, ServersFromBeforeAndTheirSessionsAreToldApartAndNothingIsAbsent) {
  Open(keyring_).reset();
  for (const bool sealed : {true, false}) {
    store().Sql("DELETE FROM auth_keyring; DELETE FROM auth_hidden_key_ids");
    const auto before = Open(sealed ? keyring_ : nullptr);
    auto hidden = store().Open(keyring_, /*hide_key_ids=*/true);
    ASSERT_TRUE(hidden.ok()) << hidden.status();
    ASSERT_TRUE(Apply(*before, Write("s", "one", kPhone)).ok());
    ASSERT_TRUE(Apply(**hidden, Write("t", "two", kPhone)).ok());
    for (const auto& [backend, session] : {std::pair(hidden->get(), "s"), std::pair(before.get(), "t")}) {
      EXPECT_EQ(Read(*backend, session, kPhone).status().code(), absl::StatusCode::kDataLoss) << session;
      EXPECT_EQ(ReadWhole(*backend, session).code(), absl::StatusCode::kDataLoss) << session;
      EXPECT_EQ(Apply(*backend, Write(session, "three", kPhone)).status().code(), absl::StatusCode::kDataLoss);
    }
    const auto sealer = store().OpenSealer();
    const SharedKeyring both = MakeKeyring({{"n", 'b'}, {"k", 'a'}});
    Open(both).reset();
    const auto report = SealSessions(**sealer, *both, [](std::uint64_t) {});
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_EQ(report->failed.size(), 1U);
    EXPECT_EQ(report->failed[0].first, "s");
    // They can be deleted.
    EXPECT_TRUE(Apply(**hidden, Delete("s")).ok());
    EXPECT_TRUE(Apply(*before, Delete("t")).ok());
    EXPECT_EQ(TextOf(Read(**hidden, "s", kPhone)), "absent");
  }
}

}  // namespace
}  // namespace authstate::storage

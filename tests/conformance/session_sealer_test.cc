// Sessions that are brought under another key (storage/sealing/session_sealer.h), beside servers where there may be
// some.
#include <atomic>
#include <thread>

#include "migrations/seal_sessions.h"
#include "tests/conformance/sealed_sessions_test.h"
#include "tests/support/growing_record.h"

namespace authstate::storage {
namespace {

using migrations::SealingReport;
using migrations::SealSessions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class SessionSealerTest : public SealedSessionsTest {
 protected:
  absl::StatusOr<SealingReport> Seal(const SharedKeyring& keyring) {
    const auto sealer = store().OpenSealer();
    if (!sealer.ok()) return sealer.status();
    return SealSessions(**sealer, *keyring, [](std::uint64_t) {});
  }
  SealingReport MustSeal(const SharedKeyring& keyring) {
    auto report = Seal(keyring);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.value_or(SealingReport());
  }
  migrations::SealingState State() {
    const auto sealer = store().OpenSealer();
    EXPECT_TRUE(sealer.ok()) << sealer.status();
    return *migrations::ReadSealingState(**sealer);
  }
  // Sessions p and q, plain, in a store that a server with the keyring has opened since.
  void MakePlain() {
    {
      const auto plain = Open(nullptr);
      ASSERT_TRUE(Apply(*plain, Write("p", "one")).ok());
      ASSERT_TRUE(Apply(*plain, Write("p", "two", kOther)).ok());
      ASSERT_TRUE(Apply(*plain, Write("q", "three")).ok());
      ASSERT_TRUE(Apply(*plain, Write("gone", "four")).ok());
      ASSERT_TRUE(Apply(*plain, Delete("gone")).ok());
    }
    Open(keyring_).reset();
  }
  void BringUnderTraffic(const SharedKeyring& from, const SharedKeyring& to);
  void ExpectValues(Backend& backend) {
    EXPECT_EQ(TextOf(Read(backend, "p")), "\"one\"");
    EXPECT_EQ(TextOf(Read(backend, "p", kOther)), "\"two\"");
    EXPECT_EQ(Read(backend, "p")->creds->bytes, "\"creds two\"");
    EXPECT_EQ(TextOf(Read(backend, "q")), "\"three\"");
    EXPECT_TRUE(ReadWhole(backend, "p").ok());
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, SessionSealerTest, testing::Values("Sqlite", "Postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SessionSealerTest, PlainSessionsAreEncryptedAndOtherwiseStayAsTheyWere) {
  ASSERT_NO_FATAL_FAILURE(MakePlain());
  const std::string changed_at = store().Query("SELECT max(changed_at) FROM auth_keys");
  EXPECT_EQ(State().sessions.plain, 2U);
  EXPECT_THAT(State().sessions.under, ElementsAre(Pair("k", 0)));
  EXPECT_EQ(MustSeal(keyring_).resealed, 2U);
  EXPECT_EQ(State().sessions.plain, 0U);
  EXPECT_THAT(State().sessions.under, ElementsAre(Pair("k", 2)));
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys WHERE kind = 8"), "3");
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_creds WHERE kind = 8"), "2");
  EXPECT_EQ(store().Query("SELECT max(changed_at) FROM auth_keys"), changed_at);
  EXPECT_EQ(MustSeal(keyring_).resealed, 0U) << "run again it finds nothing to do";
  const auto backend = Open(keyring_);
  ExpectValues(*backend);
  EXPECT_EQ(Read(*backend, "p")->revision, 2U);
  Commit commit = Write("p", "five");
  commit.expected_revision = 2;
  EXPECT_TRUE(Apply(*backend, commit).ok());
}

TEST_P(SessionSealerTest, RotatedKeyCanGo) {
  ASSERT_NO_FATAL_FAILURE(MakePlain());
  MustSeal(keyring_);
  const std::string value = HexOf("value", "auth_keys WHERE session_id = 'q'");
  const SharedKeyring rotated = MakeKeyring({{"new", 'b'}, {"k", 'a'}});
  EXPECT_THAT(std::string(Seal(rotated).status().message()), HasSubstr("no server was started with the active key"));
  Open(rotated).reset();
  const SealingReport report = MustSeal(rotated);
  EXPECT_EQ(report.rewrapped, 2U);
  EXPECT_EQ(report.resealed, 0U);
  EXPECT_THAT(report.unused, ElementsAre("k"));
  EXPECT_EQ(HexOf("value", "auth_keys WHERE session_id = 'q'"), value) << "no value is written";
  const auto backend = Open(MakeKeyring({{"new", 'b'}}));
  ExpectValues(*backend);
}

TEST_P(SessionSealerTest, OpenedStoreNeedsNoKeyring) {
  ASSERT_NO_FATAL_FAILURE(MakePlain());
  MustSeal(keyring_);
  EXPECT_EQ(MustSeal(inactive_).resealed, 2U);
  EXPECT_EQ(State().sessions.plain, 2U);
  EXPECT_THAT(State().sessions.under, IsEmpty());
  const auto backend = Open(nullptr);
  ExpectValues(*backend);
}

TEST_P(SessionSealerTest, DamagedSessionIsToldAndStaysAsItIs) {
  ASSERT_NO_FATAL_FAILURE(MakePlain());
  const std::string value = HexOf("value", "auth_keys WHERE session_id = 'p' AND key_id = '1'");
  SetHex("auth_keys", "value", Flipped(value, value.size() / 4), "session_id = 'p' AND key_id = '1'");
  SealingReport report = MustSeal(keyring_);
  EXPECT_EQ(report.resealed, 1U);
  ASSERT_EQ(report.failed.size(), 1U);
  EXPECT_EQ(report.failed[0].first, "p");
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys WHERE session_id = 'p' AND kind = 4"), "2");
  SetHex("auth_keys", "value", value, "session_id = 'p' AND key_id = '1'");
  EXPECT_EQ(MustSeal(keyring_).resealed, 1U);
  const auto backend = Open(keyring_);
  ExpectValues(*backend);
}

TEST_P(SessionSealerTest, KeyringOfAnotherStoreChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(MakePlain());
  EXPECT_EQ(ReasonOf(Seal(MakeKeyring({{"k", 'b'}})).status()).value_or(""), kKeyringMismatch);
  EXPECT_EQ(State().sessions.plain, 2U);
}

// Beside servers, several where the database allows that: sessions that were written `from` are brought to `to`, under
// which the servers run by then.
void SessionSealerTest::BringUnderTraffic(const SharedKeyring& from, const SharedKeyring& to) {
  constexpr int kSessions = 40;
  {
    const auto before = Open(from);
    for (int i = 0; i < kSessions; ++i) ASSERT_TRUE(Apply(*before, Write(absl::StrCat("s", i), "0", kOther)).ok());
  }
  const std::shared_ptr<Backend> one = Open(to);
  const std::shared_ptr<Backend> other = GetParam() == std::string("Sqlite") ? one : Open(to);
  std::atomic<bool> sealed = false;
  std::vector<int> written(kSessions);
  std::thread writer([&] {
    // Each session by both servers in turn, and a round after the last session was sealed.
    for (int round = 1, left = 2; left > 0; ++round) {
      if (sealed.load()) --left;
      for (int i = 0; i < kSessions; ++i) {
        const std::string id = absl::StrCat("s", i);
        Backend& server = (round + i) % 2 == 0 ? *one : *other;
        const auto applied = Apply(server, Write(id, absl::StrCat(round)));
        EXPECT_TRUE(applied.ok()) << applied.status();
        EXPECT_EQ(TextOf(Read(server, id)), absl::StrCat("\"", round, "\""));
        written[static_cast<std::size_t>(i)] = round;
      }
    }
  });
  // Two seal at once.
  std::thread second([&] { EXPECT_TRUE(Seal(to).ok()); });
  EXPECT_TRUE(Seal(to).ok());
  second.join();
  sealed.store(true);
  writer.join();
  for (int i = 0; i < kSessions; ++i) {
    const std::string id = absl::StrCat("s", i);
    EXPECT_EQ(TextOf(Read(*one, id)), absl::StrCat("\"", written[static_cast<std::size_t>(i)], "\""));
    EXPECT_EQ(TextOf(Read(*one, id, kOther)), "\"0\"");
    EXPECT_TRUE(ReadWhole(*one, id).ok());
  }
}

TEST_P(SessionSealerTest, ServersGoOnWhileSessionsAreEncrypted) {
  ASSERT_NO_FATAL_FAILURE(BringUnderTraffic(nullptr, keyring_));
  EXPECT_EQ(State().sessions.plain, 0U);
}

TEST_P(SessionSealerTest, ServersGoOnWhileSessionsAreOpened) {
  ASSERT_NO_FATAL_FAILURE(BringUnderTraffic(keyring_, inactive_));
  EXPECT_THAT(State().sessions.under, IsEmpty());
  const auto backend = Open(nullptr);
  EXPECT_EQ(TextOf(Read(*backend, "s0", kOther)), "\"0\"");
}

TEST_P(SessionSealerTest, NewSessionIsPlainWhereNoKeyIsActive) {
  ASSERT_NO_FATAL_FAILURE(MakePlain());
  MustSeal(keyring_);
  const auto backend = Open(inactive_);
  ExpectValues(*backend);
  ASSERT_TRUE(Apply(*backend, Write("new", "six")).ok());
  ASSERT_TRUE(Apply(*backend, Write("p", "one")).ok());
  EXPECT_EQ(State().sessions.plain, 1U) << "a session that is encrypted stays so until it is brought";
}

// What only a database does that has several servers.
class SharedSealerTest : public SessionSealerTest {};

INSTANTIATE_TEST_SUITE_P(Stores, SharedSealerTest, testing::Values("Postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SharedSealerTest, PatchedValueIsWrittenWholeAndPatchedAgain) {
  test::GrowingRecord record(400);
  const auto write = [&record](Backend& server) {
    record.Turn();
    Commit commit;
    commit.session_id = "s";
    commit.sets = {{kName, record.value()}};
    ASSERT_TRUE(Apply(server, commit).ok());
    ASSERT_EQ(TextOf(Read(server, "s", kName, false)), record.value().bytes);
  };
  const auto plain = Open(nullptr);
  ASSERT_NO_FATAL_FAILURE(write(*plain));
  ASSERT_NO_FATAL_FAILURE(write(*plain));
  ASSERT_EQ(store().Query("SELECT kind FROM auth_keys"), "6");
  const auto backend = Open(keyring_);
  ASSERT_EQ(MustSeal(keyring_).resealed, 1U);
  ASSERT_EQ(store().Query("SELECT kind FROM auth_keys WHERE patch IS NULL"), "8");
  ASSERT_EQ(TextOf(Read(*backend, "s", kName, false)), record.value().bytes);
  ASSERT_NO_FATAL_FAILURE(write(*backend));
  ASSERT_NO_FATAL_FAILURE(write(*backend));
  ASSERT_EQ(store().Query("SELECT kind FROM auth_keys"), "10");
}

}  // namespace
}  // namespace authstate::storage

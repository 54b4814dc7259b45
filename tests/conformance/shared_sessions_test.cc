// Encrypted sessions that several servers of one PostgreSQL have.
#include <array>

#include "absl/strings/match.h"
#include "migrations/seal_sessions.h"
#include "tests/conformance/sealed_sessions_test.h"
#include "tests/support/growing_record.h"
#include "tests/support/legacy_tables.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Stores, SharedSessionsTest, testing::Values("Postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SharedSessionsTest, FirstCommitsAtOnceLeaveOneDataKeyAndLoseNothing) {
  const auto one = Open(keyring_);
  const auto other = Open(keyring_);
  constexpr int kSessions = 64;
  std::vector<std::shared_ptr<Answer<std::vector<absl::StatusOr<Applied>>>>> answers;
  for (int i = 0; i < kSessions; ++i) {
    const std::string id = absl::StrCat("s", i);
    Commit first;
    first.session_id = id;
    first.sets = {{kName, {ValueKind::kJson, "\"one\""}}};
    Commit second;
    second.session_id = id;
    second.sets = {{kOther, {ValueKind::kJson, "\"other\""}}};
    answers.push_back(Start(*one, {first}));
    answers.push_back(Start(*other, {second}));
  }
  for (const auto& answer : answers) {
    for (const auto& applied : answer->Await()) EXPECT_TRUE(applied.ok()) << applied.status();
  }
  const auto third = Open(keyring_);
  for (int i = 0; i < kSessions; ++i) {
    EXPECT_EQ(TextOf(Read(*third, absl::StrCat("s", i), kName, false)), "\"one\"");
    EXPECT_EQ(TextOf(Read(*third, absl::StrCat("s", i), kOther, false)), "\"other\"");
  }
}

TEST_P(SharedSessionsTest, WhatAnotherServerMadeAnewIsSealedWithItsNewKey) {
  const auto one = Open(keyring_);
  const auto other = Open(keyring_);
  ASSERT_TRUE(Apply(*one, Write("s", "first")).ok());
  ASSERT_TRUE(Apply(*other, Delete("s")).ok());
  ASSERT_TRUE(Apply(*other, Write("s", "second")).ok());
  ASSERT_TRUE(Apply(*one, Write("s", "third", kOther)).ok());
  EXPECT_EQ(TextOf(Read(*other, "s")), "\"second\"");
  EXPECT_EQ(TextOf(Read(*other, "s", kOther)), "\"third\"");
  ASSERT_TRUE(Apply(*other, Delete("s")).ok());
  ASSERT_TRUE(Apply(*one, Write("s", "fourth")).ok());
  EXPECT_EQ(TextOf(Read(*other, "s")), "\"fourth\"");
}

TEST_P(SharedSessionsTest, ServerFromBeforeTheKeyringNeitherReadsNorSpoilsWhatIsSealed) {
  const auto keyless = Open(nullptr);
  const auto backend = Open(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "value")).ok());
  for (int i = 0; i < 2; ++i) {
    const absl::Status written = Apply(*keyless, Write("s", "plain")).status();
    EXPECT_EQ(ReasonOf(written).value_or(""), kKeyMissing) << written;
    EXPECT_EQ(OutcomeOf(written), Outcome::kNotApplied);
    EXPECT_EQ(ReasonOf(Read(*keyless, "s").status()).value_or(""), kKeyMissing);
  }
  EXPECT_EQ(ReasonOf(ReadWhole(*keyless, "s")).value_or(""), kKeyMissing);
  EXPECT_EQ(TextOf(Read(*backend, "s")), "\"value\"");
  // What it makes itself is plain, and is served by both.
  ASSERT_TRUE(Apply(*keyless, Write("t", "plain")).ok());
  ASSERT_TRUE(Apply(*backend, Write("t", "plain too", kOther)).ok());
  EXPECT_EQ(TextOf(Read(*keyless, "t", kOther)), "\"plain too\"");
  ASSERT_TRUE(Apply(*keyless, Delete("s")).ok()) << "it takes no key to delete";
}

// The orders of docs/encryption.md: servers are started again in turn with each keyring, and each of them goes on with
// what all of them have written.
TEST_P(SharedSessionsTest, NoCallFailsWhileServersAreStartedAgainInTurnToEncryptToRotateAndToStop) {
  std::array<std::unique_ptr<Backend>, 2> servers = {Open(nullptr), Open(nullptr)};
  std::vector<std::string> sessions;
  const auto use = [&] {
    for (const auto& maker : servers) {
      sessions.push_back(absl::StrCat("s", sessions.size()));
      ASSERT_TRUE(Apply(*maker, Write(sessions.back(), "first")).ok());
    }
    for (const std::string& session : sessions) {
      for (std::size_t i = 0; i < servers.size(); ++i) {
        const std::string text = absl::StrCat(sessions.size(), " ", i);
        const absl::Status written = Apply(*servers[i], Write(session, text, kOther)).status();
        ASSERT_TRUE(written.ok()) << written;
        for (const auto& reader : servers) {
          ASSERT_EQ(TextOf(Read(*reader, session, kOther)), absl::StrCat("\"", text, "\""));
        }
      }
    }
  };
  const auto start_again_with = [&](const SharedKeyring& keyring) {
    for (auto& server : servers) {
      server = Open(keyring);
      ASSERT_NO_FATAL_FAILURE(use());
    }
  };
  const auto rewrap = [&](const SharedKeyring& keyring) {
    const auto sealer = store().OpenSealer();
    ASSERT_TRUE(sealer.ok()) << sealer.status();
    const auto report = migrations::SealSessions(**sealer, *keyring, [](std::uint64_t) {});
    ASSERT_TRUE(report.ok()) << report.status();
    ASSERT_NO_FATAL_FAILURE(use());
  };
  ASSERT_NO_FATAL_FAILURE(use());
  ASSERT_NO_FATAL_FAILURE(start_again_with(inactive_));
  ASSERT_NO_FATAL_FAILURE(start_again_with(keyring_));
  ASSERT_NO_FATAL_FAILURE(rewrap(keyring_));
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_sessions WHERE data_key IS NULL"), "0");
  const SharedKeyring rotated = MakeKeyring({{"new", 'b'}, {"k", 'a'}});
  ASSERT_NO_FATAL_FAILURE(start_again_with(MakeKeyring({{"k", 'a'}, {"new", 'b'}})));
  ASSERT_NO_FATAL_FAILURE(start_again_with(rotated));
  ASSERT_NO_FATAL_FAILURE(rewrap(rotated));
  const SharedKeyring inactive = test::MakeInactiveKeyring("new", 'b');
  ASSERT_NO_FATAL_FAILURE(start_again_with(inactive));
  ASSERT_NO_FATAL_FAILURE(rewrap(inactive));
  ASSERT_NO_FATAL_FAILURE(start_again_with(nullptr));
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_sessions WHERE data_key IS NOT NULL"), "0");
}

TEST_P(SharedSessionsTest, PatchesAreSealedOnTheirBaseAlone) {
  const auto backend = Open(keyring_);
  const auto other = Open(keyring_);
  test::GrowingRecord record(400);
  const auto write = [&](Backend& server) {
    record.Turn();
    Commit commit;
    commit.session_id = "s";
    commit.sets = {{kName, record.value()}};
    ASSERT_TRUE(Apply(server, commit).ok());
    for (Backend* reader : {backend.get(), other.get()}) {
      ASSERT_EQ(TextOf(Read(*reader, "s", kName, false)), record.value().bytes);
      ASSERT_TRUE(ReadWhole(*reader, "s").ok());
    }
  };
  ASSERT_NO_FATAL_FAILURE(write(*backend));
  const std::string first_base = HexOf("value", "auth_keys");
  ASSERT_NO_FATAL_FAILURE(write(*backend));
  ASSERT_EQ(store().Query("SELECT kind FROM auth_keys"), "10");
  EXPECT_EQ(HexOf("value", "auth_keys"), first_base);
  const std::string old_patch = HexOf("patch", "auth_keys");

  // Another server has no base, and writes a new one.
  ASSERT_NO_FATAL_FAILURE(write(*other));
  ASSERT_NO_FATAL_FAILURE(write(*other));
  ASSERT_EQ(store().Query("SELECT kind FROM auth_keys"), "10");
  ASSERT_NE(HexOf("value", "auth_keys"), first_base);
  const std::string patch = HexOf("patch", "auth_keys");
  SetHex("auth_keys", "patch", old_patch);
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s", kName, false).status())) << "an old patch on a new base";
  SetHex("auth_keys", "patch", patch);
  SetHex("auth_keys", "value", first_base);
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s", kName, false).status())) << "a new patch on an old base";
  // The first server's base is not the one any more.
  SetHex("auth_keys", "value", first_base);
  ASSERT_NO_FATAL_FAILURE(write(*backend));
}

TEST_P(SharedSessionsTest, EveryOtherByteOfAPatchedValueIsDataLoss) {
  const auto backend = Open(keyring_);
  // Hardly longer than what is patched at all, as what is carried over from a near store.
  test::GrowingRecord record(70);
  for (std::uint64_t i = 0; i < 2; ++i) {
    record.Turn();
    Commit commit;
    commit.session_id = "s";
    commit.carried.emplace().revision = i + 1;
    commit.sets = {{kName, record.value()}};
    ASSERT_TRUE(Apply(*backend, commit).ok());
  }
  ASSERT_EQ(store().Query("SELECT kind FROM auth_keys"), "10");
  for (const std::string& column : std::vector<std::string>{"value", "patch"}) {
    const auto flip = [&](std::size_t byte) {
      return absl::StrCat("UPDATE auth_keys SET ", column, " = set_byte(", column, ", ", byte, ", get_byte(", column,
                          ", ", byte, ") # 1); ");
    };
    const std::size_t bytes = HexOf(column, "auth_keys").size() / 2;
    for (std::size_t byte = 0; byte < bytes; ++byte) {
      store().Sql(absl::StrCat(flip(byte), byte > 0 ? flip(byte - 1) : ""));
      ASSERT_TRUE(absl::IsDataLoss(Read(*backend, "s", kName, false).status())) << column << " " << byte;
    }
    store().Sql(flip(bytes - 1));
    ASSERT_EQ(TextOf(Read(*backend, "s", kName, false)), record.value().bytes);
  }
}

TEST_P(SharedSessionsTest, LegacyTablesAreRefusedWithAKeyring) {
  auto url = cluster->postgres->NewDatabase();
  ASSERT_TRUE(url.ok()) << url.status();
  ASSERT_TRUE(test::CreateLegacyTables(*url, test::LegacyTables::kPlain).ok());
  PostgresOptions options;
  options.url = *url;
  options.keyring = keyring_;
  const absl::Status status = OpenPostgresBackend(options).status();
  EXPECT_EQ(ReasonOf(status).value_or(""), kKeyringMismatch);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the legacy layout cannot be encrypted"));
  options.keyring = nullptr;
  EXPECT_TRUE(OpenPostgresBackend(options).ok());
}

}  // namespace
}  // namespace authstate::storage

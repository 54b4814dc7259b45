// Encrypted sessions that several servers of one PostgreSQL have.
#include "absl/strings/match.h"
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

  for (const std::string& column : std::vector<std::string>{"value", "patch"}) {
    const std::string hex = HexOf(column, "auth_keys");
    const std::size_t step = column == "value" ? 401 : 7;
    for (std::size_t byte = 0; byte < hex.size() / 2; byte += step) {
      SetHex("auth_keys", column, Flipped(hex, byte));
      EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s", kName, false).status())) << column << " " << byte;
    }
    SetHex("auth_keys", column, hex);
  }
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

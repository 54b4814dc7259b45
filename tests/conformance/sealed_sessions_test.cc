// Sessions that are encrypted at rest (storage/sealing), on SQLite and on a real PostgreSQL: what is stored, what
// becomes of whoever changes it there, and which keyrings open a store.
#include "tests/conformance/sealed_sessions_test.h"

#include "absl/strings/match.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

INSTANTIATE_TEST_SUITE_P(Stores, SealedSessionsTest, testing::Values("Sqlite", "Postgres"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(SealedSessionsTest, ComeBackAfterARestartAndShowNothing) {
  {
    const auto backend = Open(keyring_);
    ASSERT_TRUE(Apply(*backend, Write("s", "canary")).ok());
    ASSERT_TRUE(Apply(*backend, Write("s", "another canary", kOther)).ok());
  }
  for (const char* const from : {"auth_creds", "auth_keys WHERE key_id = '1'", "auth_keys WHERE key_id = '2'"}) {
    EXPECT_FALSE(absl::StrContains(HexOf("value", from), absl::BytesToHexString("canary"))) << from;
    EXPECT_EQ(store().Query(absl::StrCat("SELECT kind FROM ", from)), "8");
  }
  const auto backend = Open(keyring_);
  const auto read = Read(*backend, "s");
  EXPECT_EQ(TextOf(read), "\"canary\"");
  EXPECT_EQ(read->creds->bytes, "\"creds another canary\"");
  EXPECT_TRUE(ReadWhole(*backend, "s").ok());
  ASSERT_TRUE(Apply(*backend, Write("s", "third")).ok()) << "by a server that has not made the data key";
  EXPECT_EQ(TextOf(Read(*backend, "s")), "\"third\"");
  EXPECT_EQ(TextOf(Read(*backend, "s", kOther)), "\"another canary\"");
}

TEST_P(SealedSessionsTest, EveryOtherByteOfAValueIsDataLoss) {
  const auto backend = Open(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "value")).ok());
  for (const char* const table : {"auth_creds", "auth_keys"}) {
    const std::string hex = HexOf("value", table);
    for (std::size_t byte = 0; byte < hex.size() / 2; ++byte) {
      SetHex(table, "value", Flipped(hex, byte));
      EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status())) << table << " " << byte;
      EXPECT_TRUE(absl::IsDataLoss(ReadWhole(*backend, "s"))) << table << " " << byte;
    }
    SetHex(table, "value", hex.substr(0, hex.size() - 2));
    EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status())) << table;
    SetHex(table, "value", hex);
    for (int kind = 0; kind < 12; ++kind) {
      if (kind == 8) continue;
      store().Sql(absl::StrCat("UPDATE ", table, " SET kind = ", kind));
      EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status())) << table << " of kind " << kind;
    }
    store().Sql(absl::StrCat("UPDATE ", table, " SET kind = 8"));
    EXPECT_EQ(TextOf(Read(*backend, "s")), "\"value\"");
  }
}

TEST_P(SealedSessionsTest, EveryOtherByteOfADataKeyIsDataLoss) {
  const auto backend = Open(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "value")).ok());
  const std::string hex = HexOf("data_key", "auth_sessions");
  for (std::size_t byte = 0; byte < hex.size() / 2; ++byte) {
    SetHex("auth_sessions", "data_key", Flipped(hex, byte));
    EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status())) << byte;
    EXPECT_TRUE(absl::IsDataLoss(ReadWhole(*backend, "s"))) << byte;
  }
  store().Sql("UPDATE auth_sessions SET data_key = NULL");
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status()));
  SetHex("auth_sessions", "data_key", hex);
  EXPECT_EQ(TextOf(Read(*backend, "s")), "\"value\"");
}

TEST_P(SealedSessionsTest, ValueInAnotherPlaceIsDataLoss) {
  const auto backend = Open(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "one")).ok());
  ASSERT_TRUE(Apply(*backend, Write("s", "two", kOther)).ok());
  ASSERT_TRUE(Apply(*backend, Write("s", "three", {"sender-key", "1"})).ok());
  ASSERT_TRUE(Apply(*backend, Write("t", "four")).ok());
  const std::string place = "session_id = 's' AND key_type = 'session' AND key_id = '1'";
  const std::string right = HexOf("value", absl::StrCat("auth_keys WHERE ", place));
  for (const char* const from :
       {"auth_keys WHERE session_id = 's' AND key_id = '2'", "auth_keys WHERE key_type = 'sender-key'",
        "auth_keys WHERE session_id = 't'", "auth_creds WHERE session_id = 's'"}) {
    SetHex("auth_keys", "value", HexOf("value", from), place);
    EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status())) << from;
  }
  SetHex("auth_keys", "value", right, place);
  EXPECT_EQ(TextOf(Read(*backend, "s")), "\"one\"");
  // And the key that opens those of the other session opens none of this one.
  SetHex("auth_sessions", "data_key", HexOf("data_key", "auth_sessions WHERE session_id = 't'"), "session_id = 's'");
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status()));
}

TEST_P(SealedSessionsTest, RowUnderAnotherNameAnswersForNone) {
  const auto backend = Open(keyring_);
  const KeyName name = {"session", "5511999998888.0"};
  ASSERT_TRUE(Apply(*backend, Write("s", "one", name)).ok());
  ASSERT_TRUE(Apply(*backend, Write("s", "two", kOther)).ok());
  ASSERT_TRUE(Apply(*backend, Write("t", "three", kOther)).ok());
  const auto rename = [this](const std::string& session_id, const KeyName& from, const std::string& to_session,
                             const KeyName& to) {
    store().Sql(absl::StrCat("UPDATE auth_keys SET session_id = '", to_session, "', key_type = '", to.type,
                             "', key_id = '", to.id, "' WHERE session_id = '", session_id, "' AND key_type = '",
                             from.type, "' AND key_id = '", from.id, "'"));
  };
  const auto flipped = [](std::string text, std::size_t byte) {
    text[byte] = static_cast<char>(text[byte] ^ 1);
    return text;
  };
  std::vector<KeyName> others;
  for (std::size_t byte = 0; byte < name.id.size(); ++byte) others.push_back({name.type, flipped(name.id, byte)});
  for (std::size_t byte = 0; byte < name.type.size(); ++byte) others.push_back({flipped(name.type, byte), name.id});
  for (const KeyName& other : others) {
    rename("s", name, "s", other);
    EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s", other, false).status())) << other.type << " " << other.id;
    ExpectDamaged(*backend, "s", name);
    rename("s", other, "s", name);
  }
  // The row is moved to another session.
  rename("s", name, "t", name);
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "t", name, false).status()));
  EXPECT_TRUE(absl::IsDataLoss(ReadWhole(*backend, "t")));
  ExpectDamaged(*backend, "s", name);
  rename("t", name, "s", name);
  // Each under the other's.
  const KeyName away = {"session", "away"};
  const auto swap = [&] {
    rename("s", name, "s", away);
    rename("s", kOther, "s", name);
    rename("s", away, "s", kOther);
  };
  swap();
  for (const KeyName& swapped : {name, kOther}) {
    EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s", swapped, false).status()));
  }
  EXPECT_TRUE(absl::IsDataLoss(ReadWhole(*backend, "s")));
  swap();
  EXPECT_EQ(TextOf(Read(*backend, "s", name)), "\"one\"");
  EXPECT_TRUE(ReadWhole(*backend, "s").ok());
}

TEST_P(SealedSessionsTest, SessionUnderAnotherIdAnswersForNone) {
  const auto backend = Open(keyring_);
  for (const char* const table : {"auth_sessions", "auth_creds"}) {
    ASSERT_TRUE(Apply(*backend, Write("s", "one")).ok());
    store().Sql(absl::StrCat("UPDATE ", table, " SET session_id = 'v' WHERE session_id = 's'"));
    for (const char* const session : {"s", "v"}) {
      const auto read = Read(*backend, session);
      if (read.ok()) {
        EXPECT_FALSE(read->creds.has_value()) << table << " " << session;
        EXPECT_EQ(TextOf(read),
                  table == std::string("auth_creds") && session == std::string("s") ? "\"one\"" : "absent");
      } else {
        EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
      }
    }
    store().Sql(absl::StrCat("UPDATE ", table, " SET session_id = 's' WHERE session_id = 'v'"));
    EXPECT_EQ(Read(*backend, "s")->creds->bytes, "\"creds one\"");
  }
}

TEST_P(SealedSessionsTest, PlainValuePutThereIsDataLoss) {
  {
    const auto plain = Open(nullptr);
    ASSERT_TRUE(Apply(*plain, Write("p", "forged")).ok());
  }
  const auto backend = Open(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "value")).ok());
  SetHex("auth_keys", "value", HexOf("value", "auth_keys WHERE session_id = 'p'"), "session_id = 's'");
  store().Sql("UPDATE auth_keys SET kind = 4");
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status()));
  SetHex("auth_keys", "value", absl::BytesToHexString("\"forged\""), "session_id = 's'");
  store().Sql("UPDATE auth_keys SET kind = 2");
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status()));
}

TEST_P(SealedSessionsTest, DeletionDestroysTheDataKeyAndWhatWasUnderItIsNoneOfTheNext) {
  const auto backend = Open(keyring_);
  ASSERT_TRUE(Apply(*backend, Write("s", "old")).ok());
  const std::string old_key = HexOf("data_key", "auth_sessions");
  const std::string old_value = HexOf("value", "auth_keys");
  ASSERT_TRUE(Apply(*backend, Delete("s")).ok());
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_sessions WHERE data_key IS NOT NULL"), "0");
  ASSERT_TRUE(Apply(*backend, Write("s", "new")).ok());
  EXPECT_NE(HexOf("data_key", "auth_sessions"), old_key);
  SetHex("auth_keys", "value", old_value);
  EXPECT_TRUE(absl::IsDataLoss(Read(*backend, "s").status()));
}

TEST_P(SealedSessionsTest, WhatWasThereBeforeStaysPlainAndIsServed) {
  {
    const auto plain = Open(nullptr);
    ASSERT_TRUE(Apply(*plain, Write("old", "plain")).ok());
  }
  const auto backend = Open(keyring_);
  EXPECT_EQ(TextOf(Read(*backend, "old")), "\"plain\"");
  ASSERT_TRUE(Apply(*backend, Write("old", "plain still", kOther)).ok());
  ASSERT_TRUE(Apply(*backend, Write("new", "sealed")).ok());
  EXPECT_TRUE(ReadWhole(*backend, "old").ok());
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys WHERE session_id = 'old' AND kind = 4"), "2");
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys WHERE session_id = 'new' AND kind = 8"), "1");
  // A plain session becomes an encrypted one when it is made anew.
  ASSERT_TRUE(Apply(*backend, Delete("old")).ok());
  ASSERT_TRUE(Apply(*backend, Write("old", "sealed")).ok());
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keys WHERE session_id = 'old' AND kind = 8"), "1");
}

TEST_P(SealedSessionsTest, StoreOpensWithTheKeysThatItKnowsAndNoOther) {
  Open(keyring_).reset();
  EXPECT_THAT(WhyNot(nullptr), HasSubstr("the store is encrypted"));
  EXPECT_THAT(WhyNot(MakeKeyring({{"k", 'b'}})), HasSubstr("key \"k\" is not the one"));
  EXPECT_THAT(WhyNot(MakeKeyring({{"j", 'a'}})), HasSubstr("\"k\", which the keyring lacks"));
  EXPECT_EQ(store().Query("SELECT count(*) FROM auth_keyring"), "1") << "who is refused leaves nothing";
  EXPECT_TRUE(store().Open(keyring_).ok());
}

TEST_P(SealedSessionsTest, RotatedKeyringOpensWhatIsUnderTheOldKey) {
  {
    const auto backend = Open(keyring_);
    ASSERT_TRUE(Apply(*backend, Write("old", "one")).ok());
  }
  const auto backend = Open(MakeKeyring({{"new", 'b'}, {"k", 'a'}}));
  EXPECT_EQ(TextOf(Read(*backend, "old")), "\"one\"");
  ASSERT_TRUE(Apply(*backend, Write("old", "two")).ok());
  ASSERT_TRUE(Apply(*backend, Write("new", "three")).ok());
  EXPECT_EQ(TextOf(Read(*backend, "old")), "\"two\"");
  EXPECT_TRUE(absl::EndsWith(HexOf("data_key", "auth_sessions WHERE session_id = 'old'"), absl::BytesToHexString("k")));
  EXPECT_TRUE(
      absl::EndsWith(HexOf("data_key", "auth_sessions WHERE session_id = 'new'"), absl::BytesToHexString("new")));
}

TEST_P(SealedSessionsTest, VersionsThatKnowNoneAreKeptAwayFromThenOn) {
  const std::string serves_from =
      "SELECT serves_from = version FROM auth_schema_migrations WHERE name = 'sealed_values'";
  Open(nullptr).reset();
  EXPECT_THAT(store().Query(serves_from), testing::AnyOf("0", "f"));
  Open(keyring_).reset();
  EXPECT_THAT(store().Query(serves_from), testing::AnyOf("1", "t"));
}

TEST_P(SealedSessionsTest, LeasedBeforeItIsWrittenIsSealedAsWell) {
  const auto backend = Open(keyring_);
  LeaseRequest request;
  request.session_id = "s";
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = "o";
  request.ttl = absl::Minutes(1);
  Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
  backend->Leases({request}, Soon(), answer.Done());
  const auto lease = answer.Await().front();
  ASSERT_TRUE(lease.ok()) << lease.status();
  Commit commit = Write("s", "value");
  commit.fence = lease->lease.fence;
  ASSERT_TRUE(Apply(*backend, commit).ok());
  EXPECT_EQ(store().Query("SELECT kind FROM auth_keys"), "8");
  EXPECT_EQ(TextOf(Read(*backend, "s")), "\"value\"");
}

}  // namespace
}  // namespace authstate::storage

#ifndef AUTHSTATE_TESTS_CONFORMANCE_SEALED_SESSIONS_TEST_H_
#define AUTHSTATE_TESTS_CONFORMANCE_SEALED_SESSIONS_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/postgres_backend.h"
#include "storage/postgres/schema/postgres_sealer.h"
#include "storage/postgres/sql/row.h"
#include "storage/sealing/session_sealer.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/sealing/sqlite_sealer.h"
#include "storage/sqlite/sqlite_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_postgres.h"
#include "tests/unit/keyring/test_keyring.h"

// What tests of encrypted sessions share: stores of both drivers, and what stands in them.
namespace authstate::storage {

using conformance::Answer;
using test::MakeKeyring;

using SharedKeyring = std::shared_ptr<const Keyring>;

inline const KeyName kName = {"session", "1"};
inline const KeyName kOther = {"session", "2"};

inline absl::Time Soon() { return absl::Now() + absl::Minutes(1); }

// A store and what stands in it, past the driver. Bytes are told in hex.
class Store {
 public:
  virtual ~Store() = default;
  virtual absl::StatusOr<std::unique_ptr<Backend>> Open(const SharedKeyring& keyring, bool hide_key_ids = false) = 0;
  virtual absl::StatusOr<std::unique_ptr<SessionSealer>> OpenSealer() = 0;
  virtual void Sql(const std::string& sql) = 0;
  virtual std::string Query(const std::string& sql) = 0;
  virtual std::string Hex(const std::string& column) const = 0;
  virtual std::string Literal(const std::string& hex) const = 0;
};

class SqliteStore final : public Store {
 public:
  absl::StatusOr<std::unique_ptr<Backend>> Open(const SharedKeyring& keyring, bool hide_key_ids) override {
    SqliteOptions options;
    options.path = path_;
    options.keyring = keyring;
    options.hide_key_ids = hide_key_ids;
    return OpenSqliteBackend(options);
  }
  absl::StatusOr<std::unique_ptr<SessionSealer>> OpenSealer() override { return OpenSqliteSealer(path_); }
  void Sql(const std::string& sql) override {
    SqliteConnection(path_, SqliteConnection::Mode::kReadWrite).database().exec(sql);
  }
  std::string Query(const std::string& sql) override {
    SqliteConnection connection(path_, SqliteConnection::Mode::kReadWrite);
    SQLite::Statement select(connection.database(), sql);
    return select.executeStep() ? TextColumn(select, 0) : "";
  }
  std::string Hex(const std::string& column) const override { return absl::StrCat("lower(hex(", column, "))"); }
  std::string Literal(const std::string& hex) const override { return absl::StrCat("x'", hex, "'"); }

 private:
  test::TempDir directory_;
  const std::string path_ = directory_.File("authstate.db");
};

// One cluster for all tests of the process.
class Cluster final : public testing::Environment {
 public:
  void SetUp() override {
    auto made = test::TestPostgres::Create();
    ASSERT_TRUE(made.ok()) << made.status();
    postgres = *std::move(made);
  }
  void TearDown() override { postgres.reset(); }

  std::unique_ptr<test::TestPostgres> postgres;
};
inline auto* const cluster =
    dynamic_cast<Cluster*>(testing::AddGlobalTestEnvironment(std::make_unique<Cluster>().release()));

class PostgresStore final : public Store {
 public:
  absl::StatusOr<std::unique_ptr<Backend>> Open(const SharedKeyring& keyring, bool hide_key_ids) override {
    PostgresOptions options;
    options.url = url_;
    options.keyring = keyring;
    options.hide_key_ids = hide_key_ids;
    return OpenPostgresBackend(options);
  }
  absl::StatusOr<std::unique_ptr<SessionSealer>> OpenSealer() override {
    PostgresOptions options;
    options.url = url_;
    return OpenPostgresSealer(options);
  }
  void Sql(const std::string& sql) override {
    const absl::Status run = test::TestPostgres::Run(url_, absl::StrCat("SET search_path = authstate; ", sql));
    ASSERT_TRUE(run.ok()) << run << " of " << sql;
  }
  std::string Query(const std::string& sql) override {
    const auto answer = test::TestPostgres::Query(url_, absl::StrCat("SET search_path = authstate; ", sql));
    EXPECT_TRUE(answer.ok()) << answer.status() << " of " << sql;
    return answer.value_or("");
  }
  std::string Hex(const std::string& column) const override { return absl::StrCat("encode(", column, ", 'hex')"); }
  std::string Literal(const std::string& hex) const override { return absl::StrCat("'\\x", hex, "'::bytea"); }
  const std::string& url() const { return url_; }

 private:
  const std::string url_ = *cluster->postgres->NewDatabase();
};

inline absl::StatusOr<Applied> Apply(Backend& backend, Commit commit) {
  Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend.Apply({std::move(commit)}, Soon(), answer.Done());
  return answer.Await().front();
}

inline Commit Write(const std::string& session_id, const std::string& text, const KeyName& name = kName) {
  Commit commit;
  commit.session_id = session_id;
  commit.creds = Value{ValueKind::kJson, absl::StrCat("\"creds ", text, "\"")};
  commit.sets = {{name, {ValueKind::kJson, absl::StrCat("\"", text, "\"")}}};
  return commit;
}

inline Commit Delete(const std::string& session_id) {
  Commit commit;
  commit.session_id = session_id;
  commit.action = Commit::Action::kDeleteSession;
  return commit;
}

inline absl::StatusOr<ReadResult> Read(Backend& backend, const std::string& session_id, const KeyName& name = kName,
                                       bool want_creds = true) {
  Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
  backend.Read({{session_id, want_creds, {name}}}, Soon(), answer.Done());
  return answer.Await().front();
}

// Reads a session by a snapshot.
inline absl::Status ReadWhole(Backend& backend, const std::string& session_id) {
  Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
  backend.OpenSnapshot({session_id}, Soon(), opened.Done());
  auto snapshot = opened.Await();
  if (!snapshot.ok()) return snapshot.status();
  Answer<absl::StatusOr<Snapshot::Page>> page;
  (*snapshot)->Next(std::size_t{1} << 20, Soon(), page.Done());
  return page.Await().status();
}

inline std::string TextOf(const absl::StatusOr<ReadResult>& read) {
  if (!read.ok()) return read.status().ToString();
  return read->values[0].has_value() ? read->values[0]->bytes : "absent";
}

inline std::string Flipped(const std::string& hex, std::size_t byte) {
  std::string bytes = FromHex(hex);
  bytes[byte] = static_cast<char>(bytes[byte] ^ 1);
  return absl::BytesToHexString(bytes);
}

class SealedSessionsTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (GetParam() == std::string("Sqlite")) {
      store_ = std::make_unique<SqliteStore>();
    } else {
      store_ = std::make_unique<PostgresStore>();
    }
  }

  std::unique_ptr<Backend> Open(const SharedKeyring& keyring) {
    auto backend = store_->Open(keyring);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }
  // Why the store does not open.
  std::string WhyNot(const SharedKeyring& keyring) {
    const absl::Status status = store_->Open(keyring).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(status).value_or(""), kKeyringMismatch);
    return std::string(status.message());
  }

  std::string HexOf(const std::string& column, const std::string& from) {
    return store_->Query(absl::StrCat("SELECT ", store_->Hex(column), " FROM ", from));
  }
  void SetHex(const std::string& table, const std::string& column, const std::string& hex,
              const std::string& where = "true") {
    store_->Sql(absl::StrCat("UPDATE ", table, " SET ", column, " = ", store_->Literal(hex), " WHERE ", where));
  }

  // Of what stood under this name, nothing is told but that it is damaged, or gone; and of the session, that it is
  // damaged.
  static void ExpectDamaged(Backend& backend, const std::string& session_id, const KeyName& name) {
    const auto read = Read(backend, session_id, name, /*want_creds=*/false);
    if (read.ok()) {
      EXPECT_EQ(TextOf(read), "absent") << session_id << " " << name.type << " " << name.id;
    } else {
      EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
    }
    const absl::Status whole = ReadWhole(backend, session_id);
    EXPECT_TRUE(absl::IsDataLoss(whole)) << whole << " " << session_id << " without " << name.type << " " << name.id;
  }

  Store& store() { return *store_; }
  const SharedKeyring keyring_ = MakeKeyring({{"k", 'a'}});
  // The same, and new sessions are plain.
  const SharedKeyring inactive_ = test::MakeInactiveKeyring("k", 'a');

 private:
  std::unique_ptr<Store> store_;
};

// Several servers at once, which SQLite has not.
class SharedSessionsTest : public SealedSessionsTest {
 protected:
  // Starts without waiting.
  static std::shared_ptr<Answer<std::vector<absl::StatusOr<Applied>>>> Start(Backend& backend,
                                                                             std::vector<Commit> commits) {
    auto answer = std::make_shared<Answer<std::vector<absl::StatusOr<Applied>>>>();
    backend.Apply(std::move(commits), Soon(), answer->Done());
    return answer;
  }
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_CONFORMANCE_SEALED_SESSIONS_TEST_H_

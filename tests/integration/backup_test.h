#ifndef AUTHSTATE_TESTS_INTEGRATION_BACKUP_TEST_H_
#define AUTHSTATE_TESTS_INTEGRATION_BACKUP_TEST_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cpp/client.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/legacy_tables.h"
#include "tests/support/postgres_test.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"
#include "tests/support/working_creds.h"

namespace authstate {

// Which tables a server keeps its sessions in.
enum class Store { kSqlite, kNative, kLegacy };

inline constexpr Store kStores[] = {Store::kSqlite, Store::kNative, Store::kLegacy};

inline std::string NameOf(Store store) {
  return store == Store::kSqlite ? "Sqlite" : store == Store::kNative ? "Native" : "Legacy";
}

// A server on a store of its own, and a client of it.
struct ServedStore {
  std::unique_ptr<test::TestServer> server;
  std::unique_ptr<client::Client> client;
  std::unique_ptr<CliRunner> cli;
  // The URL of PostgreSQL; else the path of the file.
  std::string place;
};

// Real servers, and `authstatectl backup` on a folder of this test.
class BackupTest : public test::PostgresTest {
 protected:
  void SetUp() override { ASSERT_EQ(CliRunner("").Run({"keyring", "init", keyring_, "backups"}).code, kOk); }

  // A server on a new store of this kind.
  ServedStore Serve(Store store) {
    std::vector<std::string> arguments;
    ServedStore served;
    if (store == Store::kSqlite) {
      served.place = directory_.File(absl::StrCat("store-", ++stores_, ".db"));
      arguments = {"--sqlite-path", served.place};
    } else {
      UseNewDatabase();
      served.place = url();
      arguments = {"--backend=postgres", "--postgres-url=" + url()};
      if (store == Store::kLegacy) {
        EXPECT_TRUE(test::CreateLegacyTables(url(), test::LegacyTables::kPlain).ok());
        arguments.emplace_back("--layout=legacy");
      }
    }
    auto server = test::TestServer::Create({std::move(arguments), {}});
    EXPECT_TRUE(server.ok()) << server.status();
    if (!server.ok()) return served;
    served.server = *std::move(server);
    client::ClientOptions options;
    options.address = served.server->address();
    served.client = std::make_unique<client::Client>(options);
    served.cli = std::make_unique<CliRunner>(served.server->address());
    return served;
  }

  static Value JsonOf(std::string text) { return {ValueKind::kJson, std::move(text)}; }
  static std::string Id(int number) { return absl::StrCat("session-", number); }

  // Writes creds and keys of a session in one commit; `mark` tells its values from others.
  static void Write(client::Client& client, const std::string& session_id, const std::string& mark, int keys,
                    std::size_t value_bytes = 100) {
    client::CommitRequest commit;
    commit.session_id = session_id;
    commit.creds = JsonOf(test::WorkingCreds(mark));
    for (int i = 0; i < keys; ++i) {
      const std::string filler(value_bytes, static_cast<char>('a' + i % 26));
      commit.sets.push_back({{"session", absl::StrCat(i)}, JsonOf(absl::StrCat("{\"", mark, "\":\"", filler, "\"}"))});
    }
    const auto revision = client.Commit(std::move(commit));
    ASSERT_TRUE(revision.ok()) << revision.status();
  }

  // `authstatectl backup WHAT…` with the keyring, on the folder of the test unless the words name another place.
  CliResult Backup(const ServedStore& store, const std::string& what, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"backup", what, folder_, "--keyring-file", keyring_};
    words.insert(words.end(), more.begin(), more.end());
    return store.cli->Run(std::move(words));
  }
  nlohmann::json Create(const ServedStore& store, std::vector<std::string> more = {}) const {
    more.emplace_back("--json");
    const CliResult created = Backup(store, "create", std::move(more));
    EXPECT_EQ(created.code, kOk) << created.err;
    return created.OutJson();
  }

  std::vector<std::string> Files(absl::string_view prefix) const {
    std::vector<std::string> files;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, error)) {
      if (absl::StartsWith(entry.path().filename().string(), prefix)) files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  static std::uint64_t RevisionOf(const ServedStore& store, const std::string& session_id) {
    const auto creds = store.client->GetCreds(session_id);
    EXPECT_TRUE(creds.ok()) << creds.status();
    return creds.ok() ? creds->revision : 0;
  }

  test::TempDir directory_;
  const std::string keyring_ = directory_.File("backup.keyring");
  const std::string folder_ = directory_.File("backups");
  int stores_ = 0;
};

// The same with a server on an SQLite file, `store_`, and what damages it and its backups.
class BackupOfSqliteTest : public BackupTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(BackupTest::SetUp());
    store_ = Serve(Store::kSqlite);
    ASSERT_NE(store_.server, nullptr);
  }
  static void Flip(const std::string& path, std::streamoff from_end) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(-from_end, std::ios::end);
    const int byte = file.get();
    file.seekp(-from_end, std::ios::end);
    file.put(static_cast<char>(byte ^ 1));
  }
  // A new token for all sessions.
  std::string Token(std::vector<std::string> more) const {
    std::vector<std::string> words = {"token", "create", "--label", "test", "--all-sessions", "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    const CliResult created = store_.cli->Run(std::move(words));
    EXPECT_EQ(created.code, kOk) << created.err;
    return std::string(absl::StripSuffix(created.out, "\n"));
  }
  void Damage(const std::string& session_id) {
    ASSERT_EQ(
        store_.cli
            ->Bash(absl::StrCat("sqlite3 ", store_.place,
                                " \"UPDATE auth_keys SET value = zeroblob(40) WHERE session_id = '", session_id, "'\""))
            .code,
        kOk);
  }

  ServedStore store_;
};

}  // namespace authstate

#endif  // AUTHSTATE_TESTS_INTEGRATION_BACKUP_TEST_H_

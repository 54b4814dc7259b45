// One bit of what is stored is another, wherever it stands: what is read then is what was written, or an error. Never
// another value, and never absence.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "storage/backend.h"
#include "storage/postgres/postgres_backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/fault_rounds.h"
#include "tests/support/growing_record.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_postgres.h"

namespace authstate::storage {
namespace {

using conformance::Answer;

constexpr int kFlips = 10'000;
constexpr int kFlipsOfFileInShort = 1'000;
constexpr int kFlipsOfColumnsInShort = 220;
constexpr int kKeys = 120;
// What is read at once, where an error hides what else there is.
constexpr std::ptrdiff_t kGroup = 10;
static_assert(kKeys % kGroup == 0);
constexpr std::size_t kPageBytes = 2'000;
// 25 kB.
constexpr std::size_t kChains = 220;
constexpr std::size_t kSqlitePageBytes = 4'096;
constexpr unsigned kBitsOfByte = 8;

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

// What two sessions have.
struct Session {
  std::string id;
  Value creds;
  std::vector<KeyWrite> keys;
  std::uint64_t revision = 0;
};

// Short values and long ones, of both kinds, those that shrink and those that do not.
std::vector<Session> Sessions() {
  std::mt19937 random(1);
  const auto noise = [&random](std::size_t bytes) {
    std::string text(bytes, '\0');
    for (char& byte : text) byte = static_cast<char>(random());
    return text;
  };
  std::vector<Session> sessions;
  for (const char* id : {"alice", "bob"}) {
    Session session{id, {ValueKind::kJson, absl::StrCat(R"({"me":")", id, R"("})")}, {}, 0};
    for (int i = 0; i < kKeys; ++i) {
      const Value values[] = {{ValueKind::kJson, absl::StrCat("{\"counter\":", i, "}")},
                              {ValueKind::kRaw, noise(60)},
                              {ValueKind::kJson, absl::StrCat("\"", std::string(700, 'x'), i, "\"")},
                              {ValueKind::kRaw, noise(i == 3 ? 9'000 : 600)}};
      session.keys.push_back({{i % 3 == 0 ? "pre-key" : "session", absl::StrCat(i)}, values[i % 4]});
    }
    sessions.push_back(std::move(session));
  }
  return sessions;
}

void Store(Backend& backend, std::vector<Session>* sessions) {
  for (Session& session : *sessions) {
    Commit commit;
    commit.session_id = session.id;
    commit.creds = session.creds;
    commit.sets = session.keys;
    Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend.Apply({std::move(commit)}, Soon(), answer.Done());
    const auto applied = answer.Await().front();
    ASSERT_TRUE(applied.ok()) << applied.status();
    session.revision = applied->revision;
  }
}

// How often what was read was what was written, and how often an error. Everything else is a failure of the test.
struct Found {
  int right = 0;
  int errors = 0;
};

class Reader {
 public:
  Reader(Backend& backend, std::string flip, Found* found) : backend_(backend), flip_(std::move(flip)), found_(found) {}

  void ReadAll(const Session& session) {
    if (!ReadKeys(session, session.keys, true)) {
      for (std::size_t i = 0; i < session.keys.size(); i += static_cast<std::size_t>(kGroup)) {
        const auto first = session.keys.begin() + static_cast<std::ptrdiff_t>(i);
        ReadKeys(session, {first, first + kGroup}, false);
      }
    }
    ReadSnapshot(session, {session.id});
    SnapshotRequest pre_keys{session.id};
    pre_keys.types = {"pre-key"};
    Session part = session;
    const auto others = [](const KeyWrite& key) { return key.name.type != "pre-key"; };
    part.keys.erase(std::remove_if(part.keys.begin(), part.keys.end(), others), part.keys.end());
    ReadSnapshot(part, std::move(pre_keys));
  }

 private:
  // Whether there was no error.
  bool ReadKeys(const Session& session, const std::vector<KeyWrite>& keys, bool creds) {
    ReadRequest request;
    request.session_id = session.id;
    request.want_creds = creds;
    for (const KeyWrite& key : keys) request.keys.push_back(key.name);
    Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
    backend_.Read({std::move(request)}, Soon(), answer.Done());
    const auto read = std::move(answer.Await().front());
    if (!read.ok()) return Fails(read.status());
    EXPECT_TRUE(read->exists) << flip_;
    EXPECT_EQ(read->revision, session.revision) << flip_;
    EXPECT_TRUE(!creds || read->creds == session.creds) << flip_;
    for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(read->values[i], keys[i].value) << flip_ << ", key " << i;
    ++found_->right;
    return true;
  }

  // What the request asks for is all that `session` has.
  bool ReadSnapshot(const Session& session, SnapshotRequest request) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
    backend_.OpenSnapshot(std::move(request), Soon(), opened.Done());
    auto snapshot = opened.Await();
    if (!snapshot.ok()) {
      EXPECT_FALSE(absl::IsNotFound(snapshot.status())) << flip_ << ": " << snapshot.status();
      return Fails(snapshot.status());
    }
    std::vector<KeyWrite> keys;
    while (true) {
      Answer<absl::StatusOr<Snapshot::Page>> answer;
      (*snapshot)->Next(kPageBytes, Soon(), answer.Done());
      auto page = answer.Await();
      if (!page.ok()) return Fails(page.status());
      std::move(page->keys.begin(), page->keys.end(), std::back_inserter(keys));
      if (page->last) break;
    }
    EXPECT_EQ((*snapshot)->creds(), session.creds) << flip_;
    EXPECT_EQ((*snapshot)->revision(), session.revision) << flip_;
    EXPECT_EQ(keys.size(), session.keys.size()) << flip_;
    for (const KeyWrite& key : session.keys) {
      const auto same = [&key](const KeyWrite& other) { return other.name == key.name && other.value == key.value; };
      EXPECT_TRUE(std::any_of(keys.begin(), keys.end(), same)) << flip_ << ", key " << key.name.id;
    }
    ++found_->right;
    return true;
  }

  bool Fails(const absl::Status& status) {
    EXPECT_FALSE(status.ok());
    ++found_->errors;
    return false;
  }

  Backend& backend_;
  const std::string flip_;
  Found* const found_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int Flips(int in_short) { return test::FaultRounds().has_value() ? kFlips : in_short; }

TEST(FlippedBitsTest, OfASqliteFile) {
  const test::TempDir folder;
  SqliteOptions options;
  options.path = folder.File("authstate.db");
  options.readers = 1;
  std::vector<Session> sessions = Sessions();
  {
    auto backend = OpenSqliteBackend(options);
    ASSERT_TRUE(backend.ok()) << backend.status();
    ASSERT_NO_FATAL_FAILURE(Store(**backend, &sessions));
  }
  const std::string whole = ReadFile(options.path);
  const std::size_t pages = whole.size() / kSqlitePageBytes;
  ASSERT_GT(pages, 20U);
  std::mt19937 random(1);
  const int flips = Flips(kFlipsOfFileInShort);
  Found found;
  int unopened = 0;
  for (int i = 0; i < flips && !testing::Test::HasFailure(); ++i) {
    // Each page in its turn.
    const std::size_t byte = i % pages * kSqlitePageBytes + random() % kSqlitePageBytes;
    const unsigned bit = random() % kBitsOfByte;
    std::string flipped = whole;
    flipped[byte] = static_cast<char>(static_cast<unsigned char>(flipped[byte]) ^ 1U << bit);
    std::ofstream(options.path, std::ios::binary | std::ios::trunc) << flipped;
    auto backend = OpenSqliteBackend(options);
    if (!backend.ok()) {
      ++unopened;
      continue;
    }
    for (const Session& session : sessions) {
      Reader(**backend, absl::StrCat("bit ", bit, " of byte ", byte), &found).ReadAll(session);
    }
  }
  EXPECT_GT(found.errors, 0);
  EXPECT_GT(found.right, 0);
  std::cout << flips << " flips in " << pages << " pages: " << unopened << " not opened, " << found.right
            << " answers right, " << found.errors << " errors\n";
}

// A column that one bit is flipped in: `value` is its bytes, `back` what stores them.
struct Column {
  const char* table;
  const char* name;
  const char* bytes;
  const char* back;
};

// A flipped bit of text, unlike one of bytes, may make what PostgreSQL does not take for text: it tells that itself.
constexpr Column kColumns[] = {
    {"auth_keys", "value", "value", "%s"},
    {"auth_keys", "patch", "patch", "%s"},
    {"auth_keys", "kind", "int2send(kind)", "('x' || encode(%s, 'hex'))::bit(16)::int4::int2"},
    {"auth_keys", "key_id", "convert_to(key_id, 'UTF8')", "convert_from(%s, 'UTF8')"},
    {"auth_keys", "key_type", "convert_to(key_type, 'UTF8')", "convert_from(%s, 'UTF8')"},
    {"auth_keys", "session_id", "convert_to(session_id, 'UTF8')", "convert_from(%s, 'UTF8')"},
    {"auth_creds", "value", "value", "%s"},
    {"auth_creds", "kind", "int2send(kind)", "('x' || encode(%s, 'hex'))::bit(16)::int4::int2"},
    {"auth_creds", "session_id", "convert_to(session_id, 'UTF8')", "convert_from(%s, 'UTF8')"},
    {"auth_sessions", "session_id", "convert_to(session_id, 'UTF8')", "convert_from(%s, 'UTF8')"},
    {"auth_sessions", "present", "boolsend(present)", "get_byte(%s, 0) <> 0"},
};

TEST(FlippedBitsTest, OfAPostgresDatabase) {
  auto postgres = test::TestPostgres::Create();
  ASSERT_TRUE(postgres.ok()) << postgres.status();
  const auto url = (*postgres)->NewDatabase();
  ASSERT_TRUE(url.ok()) << url.status();
  PostgresOptions options;
  options.url = *url;
  auto backend = OpenPostgresBackend(options);
  ASSERT_TRUE(backend.ok()) << backend.status();
  std::vector<Session> sessions = Sessions();
  // The second time what has changed in a long value is written beside it.
  test::GrowingRecord record(kChains);
  for (int turn = 0; turn < 2; ++turn) {
    for (Session& session : sessions) session.keys.back().value = record.value();
    ASSERT_NO_FATAL_FAILURE(Store(**backend, &sessions));
    record.Turn();
  }
  std::mt19937 random(1);
  const int flips = Flips(kFlipsOfColumnsInShort);
  Found found;
  int refused = 0;
  for (int i = 0; i < flips && !testing::Test::HasFailure(); ++i) {
    const Column& column = kColumns[i % std::size(kColumns)];
    // A row that has such bytes, and a bit of them; twice the same flip is none.
    const std::string flip = absl::StrReplaceAll(
        "UPDATE authstate.$table SET $name = $back WHERE ctid = '$row' RETURNING ctid",
        {{"$back", absl::StrReplaceAll(column.back, {{"%s", "set_bit($bytes, $bit, 1 - get_bit($bytes, $bit))"}})}});
    const auto filled = [&](const std::string& text, const std::string& row, const std::string& bit) {
      return absl::StrReplaceAll(
          text,
          {{"$table", column.table}, {"$name", column.name}, {"$bytes", column.bytes}, {"$row", row}, {"$bit", bit}});
    };
    const auto chosen = test::TestPostgres::Query(
        *url, filled(absl::StrCat("SELECT ctid || ' ' || ", random() % 1'000'003,
                                  " % (8 * octet_length($bytes)) FROM authstate.$table WHERE octet_length($bytes) > 0 "
                                  "ORDER BY session_id, ctid OFFSET ",
                                  random() % 1'000'003,
                                  " % (SELECT count(*) FROM authstate.$table WHERE octet_length($bytes) > 0) LIMIT 1"),
                     "", ""));
    ASSERT_TRUE(chosen.ok()) << chosen.status();
    const std::vector<std::string> place = absl::StrSplit(*chosen, ' ');
    ASSERT_EQ(place.size(), 2U) << *chosen;
    const auto flipped = test::TestPostgres::Query(*url, filled(flip, place[0], place[1]));
    if (!flipped.ok()) {
      ++refused;
      continue;
    }
    for (const Session& session : sessions) {
      Reader(**backend, absl::StrCat("bit ", place[1], " of ", column.table, ".", column.name), &found)
          .ReadAll(session);
    }
    const auto restored = test::TestPostgres::Query(*url, filled(flip, *flipped, place[1]));
    ASSERT_TRUE(restored.ok()) << restored.status();
  }
  EXPECT_GT(found.errors, 0);
  EXPECT_GT(found.right, 0);
  std::cout << flips << " flips in " << std::size(kColumns) << " columns: " << refused << " refused, " << found.right
            << " answers right, " << found.errors << " errors\n";
}

}  // namespace
}  // namespace authstate::storage

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
#include "absl/time/clock.h"
#include "storage/backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "tests/conformance/await.h"
#include "tests/support/fault_rounds.h"
#include "tests/support/temp_dir.h"

namespace authstate::storage {
namespace {

using conformance::Answer;

constexpr int kFlips = 10'000;
constexpr int kFlipsInShort = 1'000;
constexpr int kKeys = 120;
constexpr std::size_t kPageBytes = 2'000;
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
    commit.id = 7;
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
      for (const KeyWrite& key : session.keys) ReadKeys(session, {key}, false);
    }
    ReadSnapshot(session);
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

  bool ReadSnapshot(const Session& session) {
    Answer<absl::StatusOr<std::unique_ptr<Snapshot>>> opened;
    backend_.OpenSnapshot(session.id, Soon(), opened.Done());
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

int Flips() { return test::FaultRounds().has_value() ? kFlips : kFlipsInShort; }

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
  Found found;
  int unopened = 0;
  for (int i = 0; i < Flips() && !testing::Test::HasFailure(); ++i) {
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
  std::cout << Flips() << " flips in " << pages << " pages: " << unopened << " not opened, " << found.right
            << " answers right, " << found.errors << " errors\n";
}

}  // namespace
}  // namespace authstate::storage

// Many callers at once: no lost update, no state that no order of the commits explains.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::Applied;
using storage::Commit;
using storage::KeyName;

constexpr int kThreads = 8;

template <typename Body>
void InThreads(int count, Body body) {
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

// The commits of one session that were acknowledged, by the revision they made. Thread-safe.
class History {
 public:
  void Add(std::uint64_t revision, const Commit& commit) {
    const absl::MutexLock lock(&mutex_);
    EXPECT_TRUE(commits_.emplace(revision, commit).second) << "revision " << revision << " was given twice";
  }

  // The state after all of them, applied one after the other in the order of their revisions; nullopt when the session
  // does not exist then. Fails the test when a revision is missing.
  std::optional<WholeSession> Replay() const {
    const absl::MutexLock lock(&mutex_);
    WholeSession state;
    bool exists = false;
    for (const auto& [revision, commit] : commits_) {
      EXPECT_EQ(revision, state.revision + 1) << "a revision is missing";
      state.revision = revision;
      exists = commit.action != Commit::Action::kDeleteSession;
      if (commit.action != Commit::Action::kWrite) state.creds.reset();
      if (commit.action == Commit::Action::kDeleteSession || commit.clear_keys) state.keys.clear();
      if (commit.creds.has_value()) state.creds = commit.creds;
      for (const KeyName& name : commit.deletes) state.keys.erase(name);
      for (const auto& write : commit.sets) state.keys[write.name] = write.value;
    }
    return exists ? std::optional(state) : std::nullopt;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<std::uint64_t, Commit> commits_ ABSL_GUARDED_BY(mutex_);
};

// Answers a number below the one it is given.
using Pick = std::function<int(int)>;

class ConcurrencyTest : public ConformanceTest {
 protected:
  // Threads send batches over the same few sessions, of commits that `make` makes of a session id and a text: the state
  // that they leave must be one that some order explains.
  void CheckBatches(Commit (*make)(const std::string&, const std::string&, const Pick&));
};

TEST_F(ConcurrencyTest, EveryCommitOfOneSessionCountsAndTheLastOneStands) {
  constexpr int kCommits = 25;
  constexpr int kKeys = 10;
  History history;
  InThreads(kThreads, [&](int thread) {
    for (int i = 0; i < kCommits; ++i) {
      // Each commit names every key, so the last one alone decides the final state.
      Commit commit = SetCreds("s", Raw(absl::StrCat(thread, ":", i)));
      for (int key = 0; key < kKeys; ++key) {
        const KeyName name{"t", absl::StrCat(key)};
        if ((thread + i + key) % 3 == 0) {
          commit.deletes.push_back(name);
        } else {
          commit.sets.push_back({name, *commit.creds});
        }
      }
      history.Add(MustApply(commit), commit);
    }
  });

  const auto whole = Whole("s");
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->revision, std::uint64_t{kThreads} * kCommits);
  EXPECT_EQ(whole, history.Replay());
}

TEST_F(ConcurrencyTest, ExpectedRevisionLosesNoUpdate) {
  constexpr int kIncrements = 10;
  InThreads(kThreads, [&](int /*thread*/) {
    for (int done = 0; done < kIncrements;) {
      const auto read = MustRead("s", {{"t", "counter"}});
      int counter = 0;
      if (read.values[0].has_value()) {
        ASSERT_TRUE(absl::SimpleAtoi(read.values[0]->bytes, &counter));
      }
      const auto applied = Apply(At(read.revision, SetKeys("s", {{{"t", "counter"}, Raw(absl::StrCat(counter + 1))}})));
      if (applied.ok()) {
        ++done;
      } else {
        ASSERT_TRUE(FailsWith(applied, absl::StatusCode::kAborted, storage::kRevisionMismatch));
        ASSERT_GT(storage::RevisionOf(applied.status()), read.revision);
      }
    }
  });
  const auto read = MustRead("s", {{"t", "counter"}});
  EXPECT_EQ(read.values[0], Raw(absl::StrCat(kThreads * kIncrements)));
  EXPECT_EQ(read.revision, std::uint64_t{kThreads} * kIncrements);
}

TEST_F(ConcurrencyTest, OfCommitsAtOneRevisionExactlyOneIsApplied) {
  constexpr int kRounds = 20;
  for (std::uint64_t revision = 0; revision < kRounds; ++revision) {
    std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> answers(kThreads);
    for (auto& answer : answers) {
      backend().Apply({At(revision, SetKeys("s", {{{"t", "1"}, Raw("v")}}))}, Soon(), answer.Done());
    }
    int applied = 0;
    for (auto& answer : answers) {
      const auto result = answer.Await().front();
      if (result.ok()) {
        ++applied;
        EXPECT_EQ(result->revision, revision + 1);
      } else {
        EXPECT_TRUE(FailsWith(result, absl::StatusCode::kAborted, storage::kRevisionMismatch));
        EXPECT_EQ(storage::RevisionOf(result.status()), revision + 1);
      }
    }
    EXPECT_EQ(applied, 1);
  }
}

// A statement that deletes what it saw before it waited would leave the key of an insert it waited for.
TEST_F(ConcurrencyTest, DeleteRacingAnInsertLeavesWhatTheirRevisionsSay) {
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    const std::string session_id = absl::StrCat("s", round);
    const Commit first = SetKeys(session_id, {{{"t", "old"}, Raw("v")}});
    Commit removal = DeleteSession(session_id);
    if (round % 3 == 1) removal = ClearKeys(session_id);
    if (round % 3 == 2) removal = DeleteKeys(session_id, {{"t", "new"}});
    const Commit insert = SetKeys(session_id, {{{"t", "new"}, Raw("v")}});
    History history;
    history.Add(MustApply(first), first);

    const std::vector<Commit> racing = {insert, removal, insert, removal};
    std::vector<Answer<std::vector<absl::StatusOr<Applied>>>> answers(racing.size());
    for (std::size_t i = 0; i < racing.size(); ++i) backend().Apply({racing[i]}, Soon(), answers[i].Done());
    for (std::size_t i = 0; i < racing.size(); ++i) {
      const auto result = answers[i].Await().front();
      if (result.ok()) {
        history.Add(result->revision, racing[i]);
      } else {
        EXPECT_TRUE(FailsWith(result, absl::StatusCode::kNotFound, storage::kNoSession));
      }
    }
    ASSERT_EQ(Whole(session_id), history.Replay()) << "round " << round;
  }
}

// A write of `text` that also deletes keys.
Commit AnyWrite(const std::string& session_id, const std::string& text, const Pick& pick) {
  Commit commit = SetKeys(session_id, {});
  for (int key = 0; key < 4; ++key) {
    commit.sets.push_back({{"t", absl::StrCat(pick(8))}, Raw(text)});
    commit.deletes.push_back({"t", absl::StrCat(pick(8))});
  }
  if (pick(3) == 0) commit.creds = Raw(text);
  return commit;
}

// A commit of any kind.
Commit AnyCommit(const std::string& session_id, const std::string& text, const Pick& pick) {
  const int action = pick(10);
  if (action == 0) return DeleteSession(session_id);
  if (action == 1) return DeleteCreds(session_id);
  Commit commit = AnyWrite(session_id, text, pick);
  commit.clear_keys = pick(6) == 0;
  return commit;
}

void ConcurrencyTest::CheckBatches(Commit (*make)(const std::string&, const std::string&, const Pick&)) {
  constexpr int kSessions = 6;
  constexpr int kBatches = 15;
  constexpr int kBatchSize = 10;
  std::vector<History> histories(kSessions);
  InThreads(kThreads, [&](int thread) {
    std::mt19937 random(thread);  // NOLINT: the same run every time
    const auto pick = [&random](int count) { return static_cast<int>(random() % count); };
    for (int i = 0; i < kBatches; ++i) {
      std::vector<int> sessions;
      std::vector<Commit> batch;
      for (int member = 0; member < kBatchSize; ++member) {
        sessions.push_back(pick(kSessions));
        const std::string session_id = absl::StrCat("s", sessions.back());
        batch.push_back(make(session_id, absl::StrCat(thread, i, member), pick));
      }
      const auto results = Apply(batch);
      for (int member = 0; member < kBatchSize; ++member) {
        if (results[member].ok()) {
          histories[sessions[member]].Add(results[member]->revision, batch[member]);
        } else {
          EXPECT_TRUE(absl::IsNotFound(results[member].status())) << results[member].status();
        }
      }
    }
  });
  for (int session = 0; session < kSessions; ++session) {
    EXPECT_EQ(Whole(absl::StrCat("s", session)), histories[session].Replay()) << session;
  }
}

TEST_F(ConcurrencyTest, BatchesOverTheSameSessionsEndInAStateThatSomeOrderExplains) { CheckBatches(AnyCommit); }

// A driver may have a shorter way for these.
TEST_F(ConcurrencyTest, BatchesOfWritesEndInAStateThatSomeOrderExplains) { CheckBatches(AnyWrite); }

TEST_F(ConcurrencyTest, ReaderSeesOneMomentAndNeverGoesBack) {
  constexpr int kCommits = 100;
  const auto write = [](int number) {
    Commit commit = SetKeys("s", {{{"t", "a"}, Raw(absl::StrCat(number))}, {{"t", "b"}, Raw(absl::StrCat(number))}});
    commit.creds = Raw(absl::StrCat(number));
    return commit;
  };
  MustApply(write(1));
  std::thread writer([&] {
    for (int i = 2; i <= kCommits; ++i) EXPECT_EQ(MustApply(write(i)), static_cast<std::uint64_t>(i));
  });
  std::uint64_t last = 0;
  while (last < kCommits && !HasFailure()) {
    const auto read = MustRead("s", {{"t", "a"}, {"t", "b"}});
    EXPECT_GE(read.revision, last);
    last = read.revision;
    EXPECT_EQ(read.creds, Raw(absl::StrCat(last)));
    EXPECT_EQ(read.values[0], Raw(absl::StrCat(last)));
    EXPECT_EQ(read.values[1], Raw(absl::StrCat(last)));
  }
  writer.join();
}

TEST_F(ConcurrencyTest, WhatIsReadAfterAnAcknowledgementHasTheCommit) {
  InThreads(kThreads, [&](int thread) {
    const std::string session_id = absl::StrCat("s", thread);
    for (std::uint64_t i = 1; i <= 25; ++i) {
      ASSERT_EQ(MustApply(SetKeys(session_id, {{{"t", "1"}, Raw(absl::StrCat(i))}})), i);
      const auto read = MustRead(session_id, {{"t", "1"}});
      ASSERT_EQ(read.revision, i);
      ASSERT_EQ(read.values[0], Raw(absl::StrCat(i)));
    }
  });
}

}  // namespace
}  // namespace authstate::conformance

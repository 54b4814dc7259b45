// What one commit does: everything or nothing, and what it means for creds and keys.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "storage/error.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::Commit;
using storage::KeyName;
using storage::KeyWrite;

class CommitTest : public ConformanceTest {};

Commit CredsAndKeys(const std::string& session_id, const std::string& value) {
  Commit commit = SetKeys(session_id, {{{"session", "a"}, Json(value)}, {{"pre-key", "1"}, Raw(value)}});
  commit.creds = Json(value);
  return commit;
}

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

TEST_F(CommitTest, WritesCredsAndKeysTogether) {
  MustApply(CredsAndKeys("s", "1"));

  const auto read = MustRead("s", {{"session", "a"}, {"pre-key", "1"}});
  EXPECT_TRUE(read.exists);
  EXPECT_EQ(read.creds, Json("1"));
  EXPECT_EQ(read.values[0], Json("1"));
  EXPECT_EQ(read.values[1], Raw("1"));
}

TEST_F(CommitTest, ReplacesValueAndKind) {
  MustApply(CredsAndKeys("s", "1"));
  Commit commit = SetKeys("s", {{{"session", "a"}, Raw("2")}});
  commit.creds = Raw("3");
  MustApply(commit);

  const auto read = MustRead("s", {{"session", "a"}, {"pre-key", "1"}});
  EXPECT_EQ(read.creds, Raw("3"));
  EXPECT_EQ(read.values[0], Raw("2"));
  EXPECT_EQ(read.values[1], Raw("1"));
}

TEST_F(CommitTest, LeavesCredsAloneWhenItHasNone) {
  MustApply(SetCreds("s", Json("{}")));
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("v")}}));
  MustApply(ClearKeys("s"));
  EXPECT_EQ(MustRead("s").creds, Json("{}"));
}

TEST_F(CommitTest, OfNothingCreatesTheSession) {
  Commit commit;
  commit.session_id = "s";
  EXPECT_EQ(MustApply(commit), 1U);
  EXPECT_EQ(Whole("s"), (WholeSession{1, std::nullopt, {}}));
}

TEST_F(CommitTest, DeletesKeysAndIgnoresAbsentOnes) {
  MustApply(CredsAndKeys("s", "1"));
  EXPECT_EQ(MustApply(DeleteKeys("s", {{"session", "a"}, {"session", "never"}})), 2U);
  EXPECT_EQ(Key("s", {"session", "a"}), std::nullopt);
  EXPECT_EQ(Key("s", {"pre-key", "1"}), Raw("1"));
}

TEST_F(CommitTest, DeleteOfAbsentKeysCreatesTheSession) {
  EXPECT_EQ(MustApply(DeleteKeys("s", {{"session", "never"}})), 1U);
  EXPECT_TRUE(MustRead("s").exists);
}

TEST_F(CommitTest, LastWriteOfOneKeyWins) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("first")}, {{"t", "2"}, Raw("x")}, {{"t", "1"}, Json("\"last\"")}}));
  EXPECT_EQ(Key("s", {"t", "1"}), Json("\"last\""));
  EXPECT_EQ(Key("s", {"t", "2"}), Raw("x"));
}

TEST_F(CommitTest, SetWinsOverDeleteOfTheSameKey) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("old")}}));
  Commit commit = SetKeys("s", {{{"t", "1"}, Raw("new")}, {{"t", "2"}, Raw("new")}});
  commit.deletes = {{"t", "1"}, {"t", "2"}, {"t", "1"}};
  MustApply(commit);
  EXPECT_EQ(Key("s", {"t", "1"}), Raw("new"));
  EXPECT_EQ(Key("s", {"t", "2"}), Raw("new"));
}

TEST_F(CommitTest, ClearDeletesEveryKey) {
  MustApply(CredsAndKeys("s", "1"));
  MustApply(SetKeys("other", {{{"session", "a"}, Raw("kept")}}));
  MustApply(ClearKeys("s"));
  EXPECT_EQ(Whole("s"), (WholeSession{2, Json("1"), {}}));
  EXPECT_EQ(Key("other", {"session", "a"}), Raw("kept"));
}

TEST_F(CommitTest, ClearKeepsTheKeysItSets) {
  MustApply(SetKeys("s", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("2")}, {{"u", "1"}, Raw("3")}}));
  Commit commit = ClearKeys("s", {{{"t", "2"}, Raw("new")}, {{"t", "3"}, Raw("new")}});
  commit.deletes = {{"t", "1"}, {"t", "3"}};
  MustApply(commit);
  EXPECT_EQ(Whole("s"), (WholeSession{2, std::nullopt, {{{"t", "2"}, Raw("new")}, {{"t", "3"}, Raw("new")}}}));
}

TEST_F(CommitTest, FailingMemberLeavesNothingAndOthersAreApplied) {
  std::vector<Commit> batch;
  batch.push_back(CredsAndKeys("first", "1"));
  batch.push_back(At(7, CredsAndKeys("refused", "1")));
  batch.push_back(DeleteSession("absent"));
  batch.push_back(CredsAndKeys("last", "1"));
  const auto results = Apply(std::move(batch));

  ASSERT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_EQ(results[0]->revision, 1U);
  EXPECT_TRUE(FailsWith(results[1], absl::StatusCode::kAborted, storage::kRevisionMismatch));
  EXPECT_TRUE(FailsWith(results[2], absl::StatusCode::kNotFound, storage::kNoSession));
  ASSERT_TRUE(results[3].ok()) << results[3].status();
  EXPECT_EQ(ListIds({"", "", 10}), (std::vector<std::string>{"first", "last"}));
  const auto refused = MustRead("refused", {{"session", "a"}});
  EXPECT_FALSE(refused.exists);
  EXPECT_EQ(refused.revision, 0U);
  EXPECT_EQ(refused.creds, std::nullopt);
  EXPECT_EQ(refused.values[0], std::nullopt);
}

TEST_F(CommitTest, CommitsOfOneSessionAreAppliedInTheOrderOfTheBatch) {
  std::vector<Commit> batch;
  batch.push_back(SetKeys("s", {{{"t", "1"}, Raw("1")}, {{"t", "2"}, Raw("1")}}));
  batch.push_back(SetKeys("other", {{{"t", "1"}, Raw("other")}}));
  batch.push_back(At(1, DeleteKeys("s", {{"t", "1"}})));
  batch.push_back(At(1, SetKeys("s", {{{"t", "2"}, Raw("refused")}})));
  batch.push_back(DeleteSession("s"));
  batch.push_back(At(3, SetKeys("s", {{{"t", "3"}, Raw("3")}})));
  const auto results = Apply(std::move(batch));

  ASSERT_TRUE(results[0].ok()) << results[0].status();
  EXPECT_EQ(results[0]->revision, 1U);
  ASSERT_TRUE(results[1].ok()) << results[1].status();
  EXPECT_EQ(results[1]->revision, 1U);
  ASSERT_TRUE(results[2].ok()) << results[2].status();
  EXPECT_EQ(results[2]->revision, 2U);
  EXPECT_TRUE(FailsWith(results[3], absl::StatusCode::kAborted, storage::kRevisionMismatch));
  ASSERT_TRUE(results[4].ok()) << results[4].status();
  EXPECT_EQ(results[4]->revision, 3U);
  ASSERT_TRUE(results[5].ok()) << results[5].status();
  EXPECT_EQ(results[5]->revision, 4U);
  EXPECT_EQ(Whole("s"), (WholeSession{4, std::nullopt, {{{"t", "3"}, Raw("3")}}}));
}

TEST_F(CommitTest, BatchOfManySessionsAnswersEachInItsPlace) {
  constexpr int kSessions = 500;
  std::vector<Commit> batch;
  // From the last id to the first, so that an answer in the order of the ids would be found out.
  for (int i = kSessions; i-- > 0;) {
    const std::string name = absl::StrCat("s", i);
    batch.push_back(CredsAndKeys(name, Quoted(name)));
    if (i % 2 == 0) batch.back().expected_revision = 1;
  }
  const auto results = Apply(batch);
  for (int i = 0; i < kSessions; ++i) {
    const std::string& session_id = batch[i].session_id;
    EXPECT_EQ(results[i].ok(), !batch[i].expected_revision.has_value()) << session_id << results[i].status();
  }

  std::vector<storage::ReadRequest> requests;
  requests.reserve(batch.size());
  for (const Commit& commit : batch) {
    requests.push_back({commit.session_id, true, {{"session", "a"}, {"session", "none"}, {"pre-key", "1"}}});
  }
  const auto answers = Read(std::move(requests));
  for (int i = 0; i < kSessions; ++i) {
    const std::string& session_id = batch[i].session_id;
    ASSERT_TRUE(answers[i].ok()) << answers[i].status();
    ASSERT_EQ(answers[i]->values.size(), 3U);
    EXPECT_EQ(answers[i]->exists, results[i].ok());
    EXPECT_EQ(answers[i]->creds, results[i].ok() ? std::optional(Json(Quoted(session_id))) : std::nullopt);
    EXPECT_EQ(answers[i]->values[0], results[i].ok() ? std::optional(Json(Quoted(session_id))) : std::nullopt);
    EXPECT_EQ(answers[i]->values[1], std::nullopt);
    EXPECT_EQ(answers[i]->values[2], results[i].ok() ? std::optional(Raw(Quoted(session_id))) : std::nullopt);
  }
}

TEST_F(CommitTest, EmptyBatchIsAnsweredWithNothing) {
  EXPECT_TRUE(Apply(std::vector<Commit>{}).empty());
  EXPECT_TRUE(Read(std::vector<storage::ReadRequest>{}).empty());
}

TEST_F(CommitTest, TakesAsManyOperationsAsTheContractAllows) {
  std::vector<KeyWrite> sets;
  std::vector<KeyName> names;
  for (std::size_t i = 0; i < kMaxCommitOperations; ++i) {
    names.push_back({"pre-key", absl::StrCat(i)});
    sets.push_back({names.back(), Raw(absl::StrCat("value ", i))});
  }
  MustApply(SetKeys("s", sets));

  const auto read = MustRead("s", names);
  for (std::size_t i = 0; i < sets.size(); ++i) ASSERT_EQ(read.values[i], sets[i].value) << i;

  names.pop_back();
  MustApply(DeleteKeys("s", names));
  EXPECT_EQ(Whole("s"), (WholeSession{2, std::nullopt, {{sets.back().name, sets.back().value}}}));
}

TEST_F(CommitTest, TakesAsManyBytesAsTheContractAllows) {
  std::vector<KeyWrite> sets;
  std::vector<KeyName> names;
  for (std::size_t i = 0; i < kMaxCommitBytes / kMaxValueBytes; ++i) {
    // Every byte value, at every offset of the four-byte and eight-byte groups that an encoding may work in.
    std::string bytes(kMaxValueBytes, '\0');
    const bool raw = i % 2 == 0;
    std::generate(bytes.begin(), bytes.end(), [n = i]() mutable { return static_cast<char>(n++ % 251); });
    names.push_back({"sender-key", absl::StrCat(i)});
    if (!raw && !store().keeps_json_text()) bytes = "\"" + std::string(kMaxValueBytes - 2, 'x') + "\"";
    sets.push_back({names.back(), raw ? Raw(std::move(bytes)) : Json(std::move(bytes))});
  }
  MustApply(SetKeys("s", sets));
  const auto read = MustRead("s", names);
  // Not EXPECT_EQ: it would print the values.
  for (std::size_t i = 0; i < sets.size(); ++i) EXPECT_TRUE(read.values[i] == sets[i].value) << i;
}

}  // namespace
}  // namespace authstate::conformance

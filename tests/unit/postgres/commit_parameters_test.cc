#include "storage/postgres/session/commit_parameters.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <utility>

#include "contract/value.h"
#include "storage/backend.h"
#include "storage/postgres/session/patch_bases.h"
#include "tests/support/growing_record.h"

namespace authstate::storage {
namespace {

using test::GrowingRecord;

const KeyName kName = {"session", "1"};
constexpr std::size_t kTurnsOfALongRecord = 900;

Commit Sets() {
  Commit commit;
  commit.session_id = "s";
  commit.sets = {{kName, {ValueKind::kJson, "{}"}}};
  return commit;
}

CommitForm FormOf(const Commit& commit) {
  CommitParameters parameters(/*pack_values=*/true);
  parameters.Add(commit);
  return parameters.form();
}

// A statement leaves undone what its form does not cover, so each thing that a commit can do has a test here.
TEST(CommitFormTest, SetsAreSets) { EXPECT_EQ(FormOf(Sets()), CommitForm::kSets); }

TEST(CommitFormTest, CredsAreWrites) {
  Commit commit = Sets();
  commit.creds = Value{ValueKind::kJson, "{}"};
  EXPECT_EQ(FormOf(commit), CommitForm::kWrites);
}

TEST(CommitFormTest, DeletesAreWrites) {
  Commit commit = Sets();
  commit.deletes = {{"session", "2"}};
  EXPECT_EQ(FormOf(commit), CommitForm::kWrites);
}

TEST(CommitFormTest, DeleteOfAKeyThatIsSetIsNone) {
  Commit commit = Sets();
  commit.deletes = {kName};
  EXPECT_EQ(FormOf(commit), CommitForm::kSets);
}

TEST(CommitFormTest, PatchesAreWrites) {
  PatchBases bases(std::size_t{1} << 20);
  GrowingRecord record(kTurnsOfALongRecord);
  Commit commit = Sets();
  commit.sets[0].value = record.value();
  CommitParameters whole(/*pack_values=*/true, &bases);
  whole.Add(commit);
  EXPECT_EQ(whole.form(), CommitForm::kSets);
  for (CommitParameters::NewBase& base : whole.TakeNewBases()) bases.Put("s", *base.name, std::move(base.base));
  record.Turn();
  commit.sets[0].value = record.value();
  CommitParameters patched(/*pack_values=*/true, &bases);
  patched.Add(commit);
  EXPECT_EQ(patched.form(), CommitForm::kWrites);
}

TEST(CommitFormTest, ClearingAndDeletionsOfMoreAreAny) {
  Commit commit = Sets();
  commit.clear_keys = true;
  EXPECT_EQ(FormOf(commit), CommitForm::kAny);
  for (const Commit::Action action : {Commit::Action::kDeleteCreds, Commit::Action::kDeleteSession}) {
    commit = {};
    commit.session_id = "s";
    commit.action = action;
    EXPECT_EQ(FormOf(commit), CommitForm::kAny);
  }
}

TEST(CommitFormTest, OneMemberDecidesForAll) {
  CommitParameters parameters(/*pack_values=*/true);
  Commit first = Sets();
  first.clear_keys = true;
  parameters.Add(first);
  Commit second = Sets();
  second.session_id = "t";
  parameters.Add(second);
  EXPECT_EQ(parameters.form(), CommitForm::kAny);
}

}  // namespace
}  // namespace authstate::storage

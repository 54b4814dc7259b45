#include "migrations/cutover/record.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_replace.h"
#include "migrations/tables/whole_file.h"
#include "tests/support/temp_dir.h"

namespace authstate::cutover {
namespace {

RehearsalRecord ARecord() {
  RehearsalRecord record;
  record.steps_digest = "abc";
  record.from = "supabase";
  record.to = "timeweb";
  record.started = absl::FromUnixMillis(1'796'000'000'250);
  record.ended = record.started + absl::Seconds(20);
  record.outcome = Outcome::kFailed;
  record.failed_step = "b";
  record.forward = absl::Milliseconds(12'500);
  record.steps = {{"a", Outcome::kDone, absl::Milliseconds(1'250), absl::Seconds(2)},
                  {"b", Outcome::kUndoFailed, absl::Seconds(3), std::nullopt},
                  {"c", Outcome::kNotRun, std::nullopt, std::nullopt}};
  return record;
}

class RecordTest : public testing::Test {
 protected:
  const test::TempDir directory_;
  const std::string path_ = directory_.File("rehearsal.json");
};

TEST_F(RecordTest, IsJsonWithSecondsAndTimes) {
  EXPECT_EQ(ToJson(ARecord()).dump(),
            R"({"format":1,"steps_digest":"abc","from":"supabase","to":"timeweb","started":"2026-11-30T00:53:20.250Z",)"
            R"("ended":"2026-11-30T00:53:40.250Z","outcome":"failed","failed_step":"b","forward_seconds":12.5,)"
            R"("way_back_seconds":null,"steps":[{"name":"a","seconds":1.25,"undo_seconds":2.0,"outcome":"done"},)"
            R"({"name":"b","seconds":3.0,"undo_seconds":null,"outcome":"undo-failed"},)"
            R"({"name":"c","seconds":null,"undo_seconds":null,"outcome":"not-run"}]})");
}

TEST_F(RecordTest, IsReadAsItWasWrittenAndTakesThePlaceOfTheOldOne) {
  std::ofstream(path_) << "what was there before";
  ASSERT_TRUE(WriteRecord(path_, ARecord()).ok());
  EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  const auto read = ReadRecord(path_);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), ToJson(ARecord()));
  EXPECT_EQ(read->started, ARecord().started);
}

TEST_F(RecordTest, NewOneCountsAsInterrupted) {
  Steps steps;
  steps.digest = "abc";
  steps.steps.resize(2);
  steps.steps[1].name = "b";
  const RehearsalRecord record = NewRecord(steps, "supabase", "timeweb", absl::UnixEpoch());
  EXPECT_EQ(record.outcome, Outcome::kInterrupted);
  ASSERT_EQ(record.steps.size(), 2U);
  EXPECT_EQ(record.steps[1].name, "b");
  EXPECT_EQ(record.steps[1].outcome, Outcome::kNotRun);
}

TEST_F(RecordTest, WhatIsNoRecordIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(ReadRecord(path_).status()));
  const std::string good = ToJson(ARecord()).dump();
  for (const auto& [part, by] :
       std::initializer_list<std::pair<const char*, const char*>>{{R"("format":1)", R"("format":2)"},
                                                                  {R"("outcome":"failed")", R"("outcome":"fine")"},
                                                                  {"2026-11-30T00:53:40.250Z", "yesterday"},
                                                                  {R"("seconds":1.25)", R"("seconds":"1")"},
                                                                  {R"("way_back_seconds":null,)", ""},
                                                                  {"}", ""}}) {
    const std::string bad = absl::StrReplaceAll(good, {{part, by}});
    ASSERT_NE(bad, good);
    ASSERT_TRUE(tables::WriteWhole(path_, bad).ok());
    const auto read = ReadRecord(path_);
    EXPECT_TRUE(absl::IsInvalidArgument(read.status())) << read.status() << " of " << bad;
    EXPECT_NE(read.status().message().find(path_), std::string::npos) << read.status();
  }
}

}  // namespace
}  // namespace authstate::cutover

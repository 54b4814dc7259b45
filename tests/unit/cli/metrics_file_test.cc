#include "client/cli/backup/metrics_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "tests/support/temp_dir.h"

namespace authstate::cli {
namespace {

TEST(MetricsFileTest, TextIsThatOfPrometheus) {
  EXPECT_EQ(MetricsText({{"a_seconds", "How long.", 0.25}, {"b", "What.", 1'796'000'000.125, "of=\"c\""}}),
            "# HELP a_seconds How long.\n# TYPE a_seconds gauge\na_seconds 0.25\n"
            "# HELP b What.\n# TYPE b gauge\nb{of=\"c\"} 1796000000.125\n");
}

TEST(MetricsFileTest, NewFileTakesThePlaceOfTheOldOneAndAllMayReadIt) {
  const test::TempDir directory;
  const std::string path = directory.File("backup.prom");
  std::ofstream(path + ".new") << "left behind";
  for (const double value : {1.0, 2.0}) {
    ASSERT_TRUE(WriteMetricsFile(path, {{"a", "A.", value}}).ok());
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    EXPECT_EQ(text.str(), MetricsText({{"a", "A.", value}}));
  }
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0644U);
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(MetricsFileTest, FolderThatIsNotThereIsTold) {
  const test::TempDir directory;
  const absl::Status status = WriteMetricsFile(directory.File("absent/backup.prom"), {{"a", "A.", 1}});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("absent/backup.prom"), std::string::npos);
}

TEST(MetricsFileTest, IsReadAsItWasWritten) {
  const test::TempDir directory;
  const std::string path = directory.File("drill.prom");
  EXPECT_TRUE(absl::IsNotFound(ReadMetricsFile(path).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(ReadMetricsFile(directory.path()).status()));
  ASSERT_TRUE(WriteMetricsFile(path, {{"a", "A 1", 1'796'000'000.125}, {"b", "B.", 2}}).ok());
  const auto values = ReadMetricsFile(path);
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_EQ(*values, (std::map<std::string, double>{{"a", 1'796'000'000.125}, {"b", 2}}));
}

TEST(MetricsFileTest, WhatIsNoMetricIsPassedOver) {
  EXPECT_EQ(ParseMetrics("# a 1\n\na\nb c\nd 1 2\ne 0.5"), (std::map<std::string, double>{{"e", 0.5}}));
}

}  // namespace
}  // namespace authstate::cli

#include "server/metrics/backup_figures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temp_dir.h"

namespace authstate::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(BackupFiguresTest, TakesWhatCommandsForBackupsHaveLeftAndNothingElse) {
  EXPECT_THAT(ParseBackupFigures("# HELP authstate_backup_last_sessions Sessions in it.\n"
                                 "# TYPE authstate_backup_last_sessions gauge\n"
                                 "authstate_backup_last_sessions 12\n"
                                 "authstate_backup_last_success_timestamp_seconds 1796040000.25\n"
                                 "authstate_backup_last_keys many\n"
                                 "authstate_backup_last_value_bytes NaN\n"
                                 "authstate_backup_last_file_bytes -1\n"
                                 "authstate_backup_last_duration_seconds\n"
                                 "node_load1 3\n"),
              ElementsAre(Pair("last_sessions", 12), Pair("last_success_timestamp_seconds", 1796040000.25)));
  EXPECT_THAT(ParseBackupFigures(""), IsEmpty());
}

TEST(BackupFiguresTest, ReadsEachFileAndNamesTheOneThatItCannotRead) {
  const test::TempDir folder;
  std::ofstream(folder.File("create.prom")) << "authstate_backup_last_sessions 3\n";
  std::ofstream(folder.File("drill.prom")) << "authstate_backup_drill_last_sessions 2\n";
  const BackupFigures both = ReadBackupFigures({folder.File("create.prom"), folder.File("drill.prom")});
  EXPECT_THAT(both.values, ElementsAre(Pair("drill_last_sessions", 2), Pair("last_sessions", 3)));
  EXPECT_TRUE(both.read.ok()) << both.read;

  const BackupFigures one = ReadBackupFigures({folder.path(), folder.File("create.prom")});
  EXPECT_THAT(one.values, ElementsAre(Pair("last_sessions", 3)));
  EXPECT_THAT(std::string(one.read.message()), HasSubstr(folder.path() + " cannot be read"));
}

TEST(BackupFiguresTest, AFileThatIsNotThereYetIsNoFaultAndAPipeHoldsNobodyUp) {
  const test::TempDir folder;
  ASSERT_EQ(mkfifo(folder.File("pipe").c_str(), 0600), 0);
  const BackupFigures figures = ReadBackupFigures({folder.File("later.prom"), folder.File("pipe")});
  EXPECT_THAT(figures.values, IsEmpty());
  EXPECT_TRUE(figures.read.ok()) << figures.read;
}

}  // namespace
}  // namespace authstate::server

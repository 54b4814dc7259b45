// How a file becomes a backup on file systems of several kinds.
#include "client/cli/backup/backup_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "tests/support/temp_dir.h"

namespace authstate::cli {
namespace {

using ::testing::EndsWith;

// Lets renameat2 fail in this thread as it does where a file system cannot rename without replacing.
bool RefuseRenameWithFlags() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_renameat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

class BackupFolderTest : public testing::Test {
 protected:
  UnfinishedBackup Unfinished(const std::string& text) const {
    absl::StatusOr<UnfinishedBackup> file = UnfinishedBackup::Create(directory_.path());
    EXPECT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(write(file->fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return *std::move(file);
  }
  static std::string TextOf(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  // A file gets its name, and another one cannot have the same.
  void PublishTwo() const {
    UnfinishedBackup first = Unfinished("first");
    const auto path = first.Publish(header_);
    ASSERT_TRUE(path.ok()) << path.status();
    EXPECT_THAT(*path, EndsWith("/authstate-000007-19700101T000000Z.backup"));
    EXPECT_EQ(TextOf(*path), "first");
    EXPECT_FALSE(std::filesystem::exists(first.path()));
    UnfinishedBackup second = Unfinished("second");
    EXPECT_FALSE(second.Publish(header_).ok());
    EXPECT_EQ(TextOf(*path), "first");
    EXPECT_EQ(TextOf(second.path()), "second");
  }

  const test::TempDir directory_;
  const BackupHeader header_ = {"file", "key", 7, absl::UnixEpoch(), ""};
};

TEST_F(BackupFolderTest, BackupGetsANameThatNoOtherHas) { PublishTwo(); }

TEST_F(BackupFolderTest, SoItDoesWhereAFileSystemCannotRenameWithoutReplacing) {
  std::thread([this] {
    ASSERT_TRUE(RefuseRenameWithFlags()) << errno;
    PublishTwo();
  }).join();
}

}  // namespace
}  // namespace authstate::cli

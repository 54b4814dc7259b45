// What is damaged in one backup comes from an older one; nothing else does.
#include "client/cli/backup/backup_search.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/backup/backup_writer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate::cli {
namespace {

using test::MakeKeyring;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Pair;

class BackupSearchTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.File(name); }

  // A file of these sessions, whose values tell it from others.
  void Make(const std::string& name, const std::vector<std::string>& sessions, const std::string& store_id = "") {
    const int fd = open(Path(name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    auto records = RecordWriter::Begin(fd, *keyring_, 1, absl::UnixEpoch(), store_id);
    ASSERT_TRUE(records.ok()) << records.status();
    BackupWriter writer(*std::move(records));
    for (const std::string& id : sessions) {
      ASSERT_TRUE(writer.Start({id, 1, 1, absl::UnixEpoch()}).ok());
      SessionPart part;
      part.creds = Value{ValueKind::kJson, name};
      ASSERT_TRUE(writer.Add(part).ok());
      part.creds.reset();
      part.keys = {{{"session", "1"}, {ValueKind::kRaw, id}}};
      ASSERT_TRUE(writer.Add(part).ok());
      ASSERT_TRUE(writer.End().ok());
    }
    ASSERT_TRUE(writer.Finish().ok());
    close(fd);
  }

  std::string Bytes(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name), std::ios::binary).rdbuf();
    return text.str();
  }
  void Flip(const std::string& name, std::size_t at) const {
    std::fstream file(Path(name), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 1));
  }
  // Where the record of this number is, with its length.
  std::size_t RecordAt(const std::string& name, std::size_t number) const {
    const std::string bytes = Bytes(name);
    const auto length = [&bytes](std::size_t at) {
      std::size_t value = 0;
      for (std::size_t i = 4; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
      return value;
    };
    std::size_t at = 16 + length(12) + 16;
    for (; number > 0; --number) at += 4 + length(at);
    return at;
  }
  // Damages a record of a session, each of which has four: 0 is its start, 3 its end.
  void Damage(const std::string& name, std::size_t session, std::size_t record) const {
    Flip(name, RecordAt(name, 4 * session + record) + 10);
  }

  // Which file each session came from.
  std::map<std::string, std::string> Search(const std::vector<std::string>& names,
                                            const IdRange& wanted = IdRange::All()) {
    std::map<std::string, std::string> found;
    std::vector<std::string> files;
    for (const std::string& name : names) files.push_back(Path(name));
    damages_ = 0;
    const auto on_session = [&](const FoundSession& session) {
      EXPECT_EQ(session.path, Path(session.state.creds->bytes));
      EXPECT_EQ(session.older, session.path != files.front());
      EXPECT_EQ(session.state.keys.size(), 1U);
      EXPECT_EQ(session.state.keys[0].value.bytes, session.stamp.session_id);
      EXPECT_TRUE(found.emplace(session.stamp.session_id, session.state.creds->bytes).second);
      return absl::OkStatus();
    };
    const auto on_damage = [&](const absl::Status& damage) {
      EXPECT_FALSE(damage.ok());
      ++damages_;
    };
    const auto result = SearchBackups(files, *keyring_, wanted, {on_session, on_damage});
    status_ = result.status();
    if (result.ok()) result_ = *result;
    return found;
  }

  const std::shared_ptr<const Keyring> keyring_ = MakeKeyring({{"k", 'a'}});
  test::TempDir directory_;
  absl::Status status_;
  SearchResult result_;
  int damages_ = 0;
};

TEST_F(BackupSearchTest, WholeFileIsAllThatIsRead) {
  Make("new", {"a", "b"});
  Make("old", {"a", "b", "c"});
  EXPECT_THAT(Search({"new", "old"}), ElementsAre(Pair("a", "new"), Pair("b", "new")));
  EXPECT_FALSE(result_.damaged || result_.incomplete);
  EXPECT_THAT(Search({"new", "old"}, IdRange::Of("c")), IsEmpty());
  EXPECT_FALSE(result_.damaged);
}

TEST_F(BackupSearchTest, DamagedSessionComesFromTheNextFileAndNoOtherDoes) {
  for (const std::size_t record : {1, 2, 3}) {
    Make("new", {"a", "c", "d"});
    Make("old", {"a", "b", "c", "cc", "d"});
    Damage("new", 1, record);
    EXPECT_THAT(Search({"new", "old"}), ElementsAre(Pair("a", "new"), Pair("c", "old"), Pair("d", "new"))) << record;
    EXPECT_EQ(damages_, 1);
    EXPECT_TRUE(result_.damaged);
    EXPECT_FALSE(result_.incomplete);
  }
}

TEST_F(BackupSearchTest, SessionWhoseNameIsLostIsLookedForWhereItStood) {
  Make("new", {"a", "c", "e"});
  Make("old", {"a", "b", "c", "d", "e", "f"});
  Damage("new", 1, 0);
  EXPECT_THAT(Search({"new", "old"}),
              ElementsAre(Pair("a", "new"), Pair("b", "old"), Pair("c", "old"), Pair("d", "old"), Pair("e", "new")));
  EXPECT_TRUE(result_.damaged && result_.incomplete);
  // It can be told of a session that is wanted alone.
  EXPECT_THAT(Search({"new", "old"}, IdRange::Of("c")), ElementsAre(Pair("c", "old")));
  EXPECT_TRUE(result_.damaged);
  EXPECT_FALSE(result_.incomplete);
  EXPECT_THAT(Search({"new", "old"}, IdRange::Of("a")), ElementsAre(Pair("a", "new")));
  EXPECT_FALSE(result_.damaged);
}

TEST_F(BackupSearchTest, DamageInSeveralFilesIsFollowedAsFarAsTheyGo) {
  Make("new", {"a", "b", "c"});
  Make("old", {"a", "b", "c"});
  Make("oldest", {"a", "b", "c"});
  Damage("new", 1, 1);
  Damage("old", 1, 2);
  EXPECT_THAT(Search({"new", "old"}), ElementsAre(Pair("a", "new"), Pair("c", "new")));
  EXPECT_TRUE(result_.incomplete);
  EXPECT_THAT(Search({"new", "old", "oldest"}), ElementsAre(Pair("a", "new"), Pair("b", "oldest"), Pair("c", "new")));
  EXPECT_FALSE(result_.incomplete);
}

TEST_F(BackupSearchTest, SessionThatOlderFilesDoNotKnowIsToldAsMissing) {
  Make("new", {"a", "b"});
  Make("old", {"a"});
  Make("oldest", {"a", "b"});
  Damage("new", 1, 1);
  // That of the oldest was deleted before the old one.
  EXPECT_THAT(Search({"new", "old", "oldest"}), ElementsAre(Pair("a", "new")));
  EXPECT_TRUE(result_.damaged && result_.incomplete);
}

TEST_F(BackupSearchTest, WhatFollowsALengthThatIsLostComesFromTheNextFile) {
  Make("new", {"a", "b", "c"});
  Make("old", {"a", "b", "c"});
  Flip("new", RecordAt("new", 6) + 3);
  EXPECT_THAT(Search({"new", "old"}), ElementsAre(Pair("a", "new"), Pair("b", "old"), Pair("c", "old")));
}

TEST_F(BackupSearchTest, FileOfAnotherStoreHasOtherSessionsOfTheSameName) {
  const std::string one(32, '1');
  Make("new", {"a", "b"}, one);
  Make("other", {"a", "b"}, std::string(32, '2'));
  Make("old", {"a", "b"}, one);
  Damage("new", 1, 1);
  EXPECT_THAT(Search({"new", "other", "old"}), ElementsAre(Pair("a", "new"), Pair("b", "old")));
  EXPECT_FALSE(result_.incomplete);
  EXPECT_THAT(Search({"new", "other"}), ElementsAre(Pair("a", "new")));
  EXPECT_TRUE(result_.incomplete);
}

TEST_F(BackupSearchTest, PrefixIsARangeOfIds) {
  Make("new", {"team", "team:1", "team:2", "teams"});
  EXPECT_THAT(Search({"new"}, IdRange::WithPrefix("team:")), ElementsAre(Pair("team:1", "new"), Pair("team:2", "new")));
  EXPECT_FALSE(IdRange::WithPrefix("\xff").until.has_value());
  EXPECT_TRUE(IdRange::WithPrefix("a\xff").Has("a\xff\xff"));
  EXPECT_FALSE(IdRange::WithPrefix("a\xff").Has("b"));
}

TEST_F(BackupSearchTest, WhateverByteIsFlippedEverySessionIsFoundAsOneOfTheFilesHasIt) {
  Make("old", {"a", "b", "c", "d"});
  Make("new", {"a", "b", "c", "d"});
  const std::string bytes = Bytes("new");
  const std::size_t first = RecordAt("new", 0);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Flip("new", i);
    const auto found = Search({"new", "old"});
    if (i < first) {
      // The newest one is not passed over as a whole without being asked.
      EXPECT_FALSE(status_.ok()) << i;
      EXPECT_THAT(found, IsEmpty()) << i;
    } else {
      EXPECT_TRUE(status_.ok()) << status_;
      EXPECT_THAT(found, ElementsAre(Key("a"), Key("b"), Key("c"), Key("d"))) << i;
      EXPECT_TRUE(result_.damaged) << i;
      EXPECT_GE(damages_, 1) << i;
    }
    Flip("new", i);
  }
}

}  // namespace
}  // namespace authstate::cli

// The form of backup files: what was written comes back, and nothing else does.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/backup/backup_reader.h"
#include "client/cli/backup/backup_writer.h"
#include "client/cli/backup/verification.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/keyring/test_keyring.h"

namespace authstate::cli {
namespace {

using test::MakeKeyring;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'796'000'000);
constexpr char kStoreId[] = "0123456789abcdef0123456789abcdef";
constexpr char kCanary[] = "canaryInAValue";

struct Session {
  SessionStamp stamp;
  std::vector<SessionPart> parts;
};

SessionPart Creds(std::string json) {
  SessionPart part;
  part.creds = Value{ValueKind::kJson, std::move(json)};
  return part;
}

SessionPart Keys(std::vector<client::KeyEntry> keys) {
  SessionPart part;
  part.keys = std::move(keys);
  return part;
}

client::KeyEntry Key(const std::string& id, std::string bytes) {
  return {{"session", id}, {ValueKind::kRaw, std::move(bytes)}};
}

Session MakeSession(const std::string& id, const std::string& value = kCanary) {
  return {{id, 7, 3, absl::FromUnixMicros(1'796'000'000'123'456)},
          {Creds(absl::StrCat(R"({"me":")", value, R"("})")), Keys({Key("1", value), Key("2", std::string(3, '\0'))}),
           Keys({Key("3", "")})}};
}

class BackupFileTest : public testing::Test {
 protected:
  std::string Path(const std::string& name) const { return directory_.File(name); }

  // A writer of an empty file of this name, which is open until the end of the test.
  std::unique_ptr<BackupWriter> Begin(const std::string& name, const Keyring& keyring) {
    const int fd = open(Path(name).c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    fds_.push_back(fd);
    auto records = RecordWriter::Begin(fd, keyring, 42, kNow, kStoreId);
    EXPECT_TRUE(records.ok()) << records.status();
    return std::make_unique<BackupWriter>(*std::move(records));
  }
  static void Write(BackupWriter& writer, const Session& session) {
    ASSERT_TRUE(writer.Start(session.stamp).ok());
    for (const SessionPart& part : session.parts) ASSERT_TRUE(writer.Add(part).ok());
    ASSERT_TRUE(writer.End().ok());
  }
  void Make(const std::string& name, const std::vector<Session>& sessions) {
    const auto writer = Begin(name, *keyring_);
    for (const Session& session : sessions) Write(*writer, session);
    ASSERT_TRUE(writer->Finish().ok());
  }

  absl::StatusOr<VerifiedBackup> Verify(const std::string& name, const Keyring& keyring) const {
    return VerifyBackup(Path(name), keyring, [](std::uint64_t /*sessions*/) { return absl::OkStatus(); });
  }
  absl::StatusOr<VerifiedBackup> Verify(const std::string& name) const { return Verify(name, *keyring_); }

  std::string Bytes(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(Path(name), std::ios::binary).rdbuf();
    return text.str();
  }
  // Over what is there: a file that is emptied first is written to the disk at once by some file systems.
  void Put(const std::string& name, const std::string& bytes) const {
    const int fd = open(Path(name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    ASSERT_EQ(ftruncate(fd, static_cast<off_t>(bytes.size())), 0);
    close(fd);
  }

  // Where each record of a file begins, and where the last one ends.
  static std::vector<std::size_t> RecordsIn(const std::string& bytes) {
    const auto number = [&bytes](std::size_t at) {
      std::size_t value = 0;
      for (std::size_t i = 4; i-- > 0;) value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
      return value;
    };
    std::vector<std::size_t> records;
    std::size_t at = 16 + number(12) + 16;
    for (; at + 8 < bytes.size(); at += 4 + number(at)) records.push_back(at);
    records.push_back(at);
    return records;
  }

  ~BackupFileTest() override {
    for (const int fd : fds_) close(fd);
  }

  const std::shared_ptr<const Keyring> keyring_ = MakeKeyring({{"k", 'a'}});
  test::TempDir directory_;
  std::vector<int> fds_;
};

TEST_F(BackupFileTest, SessionsComeBackAsTheyWereWritten) {
  Make("b", {MakeSession("a"), MakeSession("b", std::string(300'000, 'x'))});
  const auto reader = BackupReader::Open(Path("b"), *keyring_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*reader)->header().number, 42U);
  EXPECT_EQ((*reader)->header().create_time, kNow);
  EXPECT_EQ((*reader)->header().key_id, "k");
  EXPECT_EQ((*reader)->header().store_id, kStoreId);
  for (const std::string id : {"a", "b"}) {
    const auto stamp = (*reader)->NextSession();
    ASSERT_TRUE(stamp.ok() && stamp->has_value()) << stamp.status();
    EXPECT_EQ((*stamp)->session_id, id);
    EXPECT_EQ((*stamp)->revision, 7U);
    EXPECT_EQ((*stamp)->fence, 3U);
    EXPECT_EQ((*stamp)->update_time, absl::FromUnixMicros(1'796'000'000'123'456));
    const auto state = ReadWholeSession(**reader);
    ASSERT_TRUE(state.ok()) << state.status();
    EXPECT_TRUE(state->creds.has_value());
    ASSERT_EQ(state->keys.size(), 3U);
    EXPECT_EQ(state->keys[1], Key("2", std::string(3, '\0')));
  }
  const auto end = (*reader)->NextSession();
  ASSERT_TRUE(end.ok()) << end.status();
  EXPECT_FALSE(end->has_value());
  EXPECT_EQ((*reader)->totals().sessions, 2U);
  EXPECT_EQ((*reader)->totals().keys, 6U);
}

TEST_F(BackupFileTest, EmptyBackupIsOne) {
  Make("b", {});
  const auto verified = Verify("b");
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->totals.sessions, 0U);
}

TEST_F(BackupFileTest, NothingOfAValueCanBeReadInTheFile) {
  Make("b", {MakeSession("sessionOfSomebody")});
  EXPECT_FALSE(absl::StrContains(Bytes("b"), kCanary));
  EXPECT_FALSE(absl::StrContains(Bytes("b"), "sessionOfSomebody"));
}

TEST_F(BackupFileTest, EveryFlippedByteIsFound) {
  Make("b", {MakeSession("a"), MakeSession("b")});
  const std::string bytes = Bytes("b");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    // One bit, another one from byte to byte, and all of them.
    for (const unsigned bits : {1U << i % 8, 0xffU}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(static_cast<unsigned char>(flipped[i]) ^ bits);
      Put("flipped", flipped);
      EXPECT_FALSE(Verify("flipped").ok()) << "byte " << i << ", bits " << bits;
    }
  }
}

TEST_F(BackupFileTest, EveryTruncationIsFound) {
  Make("b", {MakeSession("a"), MakeSession("b")});
  const std::string bytes = Bytes("b");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    Put("cut", bytes.substr(0, length));
    EXPECT_FALSE(Verify("cut").ok()) << length;
  }
  Put("cut", bytes + "x");
  EXPECT_FALSE(Verify("cut").ok());
}

TEST_F(BackupFileTest, RecordsInAnotherOrderAreFound) {
  Make("b", {MakeSession("a"), MakeSession("b")});
  const std::string bytes = Bytes("b");
  const std::vector<std::size_t> records = RecordsIn(bytes);
  ASSERT_GT(records.size(), 8U);
  const auto record = [&](std::size_t i) { return bytes.substr(records[i], records[i + 1] - records[i]); };
  for (std::size_t i = 0; i + 2 < records.size(); ++i) {
    const std::string before = bytes.substr(0, records[i]);
    Put("other", before + record(i + 1) + record(i) + bytes.substr(records[i + 2]));
    EXPECT_FALSE(Verify("other").ok()) << "swapped at " << i;
    Put("other", before + bytes.substr(records[i + 1]));
    EXPECT_FALSE(Verify("other").ok()) << "without " << i;
    Put("other", before + record(i) + bytes.substr(records[i]));
    EXPECT_FALSE(Verify("other").ok()) << "twice " << i;
  }
}

TEST_F(BackupFileTest, RecordsOfAnotherFileAreFound) {
  Make("one", {MakeSession("a"), MakeSession("b")});
  Make("two", {MakeSession("a"), MakeSession("b")});
  const std::string one = Bytes("one");
  const std::string two = Bytes("two");
  const std::vector<std::size_t> records = RecordsIn(one);
  ASSERT_EQ(RecordsIn(two), records);
  for (std::size_t i = 0; i + 1 < records.size(); ++i) {
    std::string mixed = one;
    mixed.replace(records[i], records[i + 1] - records[i], two, records[i], records[i + 1] - records[i]);
    Put("mixed", mixed);
    EXPECT_TRUE(absl::IsDataLoss(Verify("mixed").status())) << i;
  }
  // All records behind another beginning.
  Put("mixed", one.substr(0, records[0]) + two.substr(records[0]));
  EXPECT_TRUE(absl::IsDataLoss(Verify("mixed").status()));
}

TEST_F(BackupFileTest, AnotherKeyIsToldFromDamage) {
  Make("b", {MakeSession("a")});
  const auto missing = Verify("b", *MakeKeyring({{"other", 'a'}})).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(missing)) << missing;
  EXPECT_THAT(std::string(missing.message()), HasSubstr("the key \"k\", which the keyring does not have"));
  const auto another = Verify("b", *MakeKeyring({{"k", 'b'}})).status();
  EXPECT_TRUE(absl::IsDataLoss(another)) << another;
  EXPECT_THAT(std::string(another.message()), HasSubstr("the keyring has another key of that name"));
  // It need not be the active one.
  EXPECT_TRUE(Verify("b", *MakeKeyring({{"new", 'c'}, {"k", 'a'}})).ok());
}

TEST_F(BackupFileTest, AnotherFormatAndAnotherFileAreToldAsSuch) {
  Make("b", {MakeSession("a")});
  std::string bytes = Bytes("b");
  bytes[8] = 2;
  Put("newer", bytes);
  const auto newer = Verify("newer").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer)) << newer;
  EXPECT_THAT(std::string(newer.message()), HasSubstr("has format 2, and this program knows format 1"));
  Put("text", "something else, long enough to be looked at");
  EXPECT_TRUE(absl::IsInvalidArgument(Verify("text").status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Verify("absent").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      VerifyBackup(directory_.path(), *keyring_, [](std::uint64_t) { return absl::OkStatus(); }).status()));
}

TEST_F(BackupFileTest, AbandonedSessionLeavesNothing) {
  const auto writer = Begin("b", *keyring_);
  Write(*writer, MakeSession("a"));
  ASSERT_TRUE(writer->Start(MakeSession("b").stamp).ok());
  // More than is written at once.
  std::string noise(200'000, '\0');
  std::mt19937 random(1);
  for (char& c : noise) c = static_cast<char>(random());
  ASSERT_TRUE(writer->Add(Keys({Key("1", noise)})).ok());
  ASSERT_TRUE(writer->Abandon().ok());
  ASSERT_TRUE(writer->Start(MakeSession("c").stamp).ok());
  ASSERT_TRUE(writer->Abandon().ok());
  Write(*writer, MakeSession("d"));
  ASSERT_TRUE(writer->Finish().ok());
  const auto verified = Verify("b");
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->totals.sessions, 2U);
  EXPECT_EQ(verified->totals.keys, 6U);
}

TEST_F(BackupFileTest, SessionsOutOfTheirOrderAreRefused) {
  const auto writer = Begin("b", *keyring_);
  Write(*writer, MakeSession("b"));
  EXPECT_FALSE(writer->Start(MakeSession("a").stamp).ok());
  EXPECT_FALSE(writer->Start(MakeSession("b").stamp).ok());
}

TEST_F(BackupFileTest, FooterIsReadWithoutTheRest) {
  Make("b", {MakeSession("a"), MakeSession("b")});
  const auto reader = RecordReader::Open(Path("b"), *keyring_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto footer = (*reader)->ReadFooter();
  ASSERT_TRUE(footer.ok()) << footer.status();
  EXPECT_EQ(footer->sessions(), 2U);
  EXPECT_EQ(footer->keys(), 6U);
}

TEST_F(BackupFileTest, EveryFlippedByteOfBeginningAndEndIsFoundWithoutTheRest) {
  Make("b", {MakeSession("a"), MakeSession("b")});
  const std::string bytes = Bytes("b");
  const std::vector<std::size_t> records = RecordsIn(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == records.front()) i = records[records.size() - 2];
    for (const unsigned bits : {1U << i % 8, 0xffU}) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(static_cast<unsigned char>(flipped[i]) ^ bits);
      Put("flipped", flipped);
      const auto reader = RecordReader::Open(Path("flipped"), *keyring_);
      EXPECT_FALSE(reader.ok() && (*reader)->ReadFooter().ok()) << "byte " << i << ", bits " << bits;
    }
  }
}

TEST_F(BackupFileTest, FileThatWasCutIsKnownByItsEndAlsoWithoutTheKey) {
  Make("b", {MakeSession("a"), MakeSession("b")});
  const std::string bytes = Bytes("b");
  for (std::size_t length = RecordsIn(bytes).front(); length <= bytes.size(); ++length) {
    Put("cut", bytes.substr(0, length));
    const auto outline = ReadBackupOutline(Path("cut"));
    ASSERT_TRUE(outline.ok()) << outline.status();
    EXPECT_EQ(outline->has_end, length == bytes.size()) << length;
    const auto reader = RecordReader::Open(Path("cut"), *keyring_);
    ASSERT_TRUE(reader.ok()) << reader.status();
    EXPECT_EQ((*reader)->ReadFooter().ok(), length == bytes.size()) << length;
  }
}

TEST_F(BackupFileTest, PartsAreTakenOverFromAnotherFileAsTheyAre) {
  Make("old", {MakeSession("a")});
  const auto reader = BackupReader::Open(Path("old"), *keyring_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  const auto stamp = (*reader)->NextSession();
  ASSERT_TRUE(stamp.ok() && stamp->has_value()) << stamp.status();
  const auto writer = Begin("new", *MakeKeyring({{"new", 'c'}}));
  ASSERT_TRUE(writer->Start(**stamp).ok());
  for (auto part = (*reader)->NextPart(); part.ok() && part->has_value(); part = (*reader)->NextPart()) {
    ASSERT_TRUE(writer->Add(**std::move(part)).ok());
  }
  ASSERT_TRUE(writer->End().ok());
  ASSERT_TRUE(writer->Finish().ok());
  const auto verified = Verify("new", *MakeKeyring({{"new", 'c'}}));
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->totals.keys, 3U);
}

}  // namespace
}  // namespace authstate::cli

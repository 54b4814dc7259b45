#include "client/cli/folder/file_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace authstate::cli {
namespace {

using client::KeyName;
using ::testing::HasSubstr;

struct Pair {
  KeyName key;
  std::string file;
};

// Ids as Baileys 7.0.0-rc14 and the 6.7 line write them.
const std::vector<Pair>& Pairs() {
  static const auto* const pairs = new std::vector<Pair>{
      {{"pre-key", "812"}, "pre-key-812.json"},
      {{"session", "5511999999999.0"}, "session-5511999999999.0.json"},
      {{"session", "123456789_1.12"}, "session-123456789_1.12.json"},
      {{"identity-key", "123456789_1.0"}, "identity-key-123456789_1.0.json"},
      {{"sender-key", "120363@g.us::5511_1::0"}, "sender-key-120363@g.us--5511_1--0.json"},
      {{"sender-key", "5511-1600000000@g.us::5522::3"}, "sender-key-5511-1600000000@g.us--5522--3.json"},
      {{"sender-key", "status@broadcast::5511::0"}, "sender-key-status@broadcast--5511--0.json"},
      {{"sender-key-memory", "120363@g.us"}, "sender-key-memory-120363@g.us.json"},
      {{"sender-key-memory", "5511-1600000000@g.us"}, "sender-key-memory-5511-1600000000@g.us.json"},
      {{"app-state-sync-key", "AAAAAK6J"}, "app-state-sync-key-AAAAAK6J.json"},
      {{"app-state-sync-key", "AA/A+K//6w=="}, "app-state-sync-key-AA__A+K____6w==.json"},
      {{"app-state-sync-version", "critical_unblock_low"}, "app-state-sync-version-critical_unblock_low.json"},
      {{"lid-mapping", "5511"}, "lid-mapping-5511.json"},
      {{"lid-mapping", "123_reverse"}, "lid-mapping-123_reverse.json"},
      {{"device-list", "5511"}, "device-list-5511.json"},
      {{"tctoken", "__index"}, "tctoken-__index.json"},
      {{"tctoken", "5511@s.whatsapp.net"}, "tctoken-5511@s.whatsapp.net.json"},
      {{"tctoken", "123:4@lid"}, "tctoken-123-4@lid.json"},
  };
  return *pairs;
}

TEST(FileNameTest, KeysAreNamedAsBaileysNamesThem) {
  for (const Pair& pair : Pairs()) EXPECT_EQ(ToFileName(pair.key), pair.file);
}

TEST(FileNameTest, EveryIdThatBaileysWritesIsFoundAgain) {
  for (const Pair& pair : Pairs()) {
    const auto key = FromFileName(pair.file, {});
    ASSERT_TRUE(key.ok()) << pair.file << ": " << key.status();
    EXPECT_EQ(*key, pair.key) << pair.file;
  }
}

TEST(FileNameTest, TheLongestTypeWins) {
  EXPECT_EQ(FromFileName("sender-key-memory-1@g.us.json", {})->type, "sender-key-memory");
}

TEST(FileNameTest, UnknownTypeIsRefused) {
  for (const std::string file : {"package.json", "baileys-store.json", "session.json"}) {
    EXPECT_THAT(std::string(FromFileName(file, {}).status().message()), HasSubstr("no known key type")) << file;
  }
}

TEST(FileNameTest, UnknownTypeThatTheCallerNamesIsTaken) {
  FileNameRules rules;
  rules.more_types = {"poll-key"};
  EXPECT_EQ(*FromFileName("poll-key-7.json", rules), (KeyName{"poll-key", "7"}));
}

TEST(FileNameTest, IdThatCannotBeDecidedIsRefused) {
  for (const std::string file :
       {"session-1-2.json", "pre-key-1__2.json", "app-state-sync-key-a-b.json", "app-state-sync-key-a_b__c.json",
        "sender-key-g-x@broadcast--1--0.json", "sender-key-1@g.us--2.json", "sender-key-1@g.us--2--x.json",
        "sender-key-memory-a-b@broadcast.json", "sender-key-memory-a__b@g.us.json", "tctoken-1-2@g.us.json",
        "tctoken-a__b.json"}) {
    EXPECT_THAT(std::string(FromFileName(file, {}).status().message()), HasSubstr("cannot be told")) << file;
  }
}

TEST(FileNameTest, IdThatCannotBeDecidedIsTakenLiterallyOnRequest) {
  FileNameRules rules;
  rules.literal_ids = true;
  EXPECT_EQ(*FromFileName("session-1-2.json", rules), (KeyName{"session", "1-2"}));
}

TEST(FileNameTest, NameOfACopyIsRefused) {
  FileNameRules literal;
  literal.literal_ids = true;
  for (const std::string file : {"session-1.0 (1).json", "pre-key-5 copy.json", "session-1.0 - Copy.json",
                                 "lid-mapping-5511 2.json", "pre-key-5~.json"}) {
    EXPECT_THAT(std::string(FromFileName(file, {}).status().message()), HasSubstr("name of a copy")) << file;
    EXPECT_TRUE(FromFileName(file, literal).ok()) << file;
  }
}

TEST(FileNameTest, NameThatBaileysWouldNotGiveIsRefused) {
  EXPECT_THAT(std::string(FromFileName("tctoken-1:2@lid.json", {}).status().message()), HasSubstr("would not name"));
}

TEST(FileNameTest, EntriesOfOtherStoresMayBeEscapedOrNot) {
  for (const std::string name : {"sender-key-120-1@g.us::5511_1::0", "sender-key-120-1@g.us--5511_1--0"}) {
    EXPECT_EQ(*FromEntryName(name, {}), (KeyName{"sender-key", "120-1@g.us::5511_1::0"})) << name;
  }
  for (const std::string name : {"app-state-sync-key-AA/b+c==", "app-state-sync-key-AA__b+c=="}) {
    EXPECT_EQ(*FromEntryName(name, {}), (KeyName{"app-state-sync-key", "AA/b+c=="})) << name;
  }
  EXPECT_EQ(*FromEntryName("tctoken-__index", {}), (KeyName{"tctoken", "__index"}));
  EXPECT_EQ(*FromEntryName("tctoken-5511:3@lid", {}), (KeyName{"tctoken", "5511:3@lid"}));
  EXPECT_FALSE(FromEntryName("poll:1", {}).ok());
  FileNameRules rules;
  rules.more_types = {"poll:key"};
  EXPECT_EQ(*FromEntryName("poll:key-1", rules), (KeyName{"poll:key", "1"}));
}

TEST(FileNameTest, IdThatTheStoreRefusesIsRefused) {
  for (const std::string file : {"session-\xff.json", "session-.json"}) {
    EXPECT_THAT(std::string(FromFileName(file, {}).status().message()), HasSubstr("its key name")) << file;
  }
}

}  // namespace
}  // namespace authstate::cli

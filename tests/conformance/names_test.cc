// Session ids, key types and key ids as they really are: a name is bytes, and nothing in it means anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "tests/conformance/conformance_suite.h"

namespace authstate::conformance {
namespace {

using storage::KeyName;
using storage::KeyWrite;

class NamesTest : public ConformanceTest {};

// Pairs that a collation, a cast, a pattern or an array text might take for one another stand together.
std::vector<std::string> OddIds() {
  return {"user_1.0", "group@g.us::user_1::0", "AAAAAK6J", "aaaaak6j", "Ab/+=", "Ab_-=", "NULL", "null", "\"", "\"\"",
          "'", "''", "\\", "\\\\", "\\x41", "A", "a", "{", "}", "{}", "{NULL}", ",", ";", "%", "_", "%_", " ", "  ",
          " a", "a ", "\t", "\n", "\r\n", "0", "00", "1", "01", "1.0", "-1", "$1", "?1", ":1", "--", "/*", "\x01",
          "\x7f",
          // The same letters composed and decomposed, a full-width digit, characters beyond the basic plane.
          "\xc3\xa9", "e\xcc\x81", "\xc3\x89", "\xc3\x9f", "ss", "\xef\xbc\x91",
          "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", "\xe2\x80\x8b", "\xef\xbb\xbf", "\xef\xbf\xbf",
          "\xf4\x8f\xbf\xbf", std::string(kMaxKeyIdBytes, 'x'), std::string(kMaxKeyIdBytes - 1, 'x'),
          std::string(kMaxKeyIdBytes - 4, 'y') + "\xf0\x9f\x91\xa9"};
}

TEST_F(NamesTest, KeyIdsAreKeptApartByteForByte) {
  std::vector<KeyWrite> sets;
  std::vector<KeyName> names;
  for (const std::string& id : OddIds()) {
    names.push_back({"session", id});
    sets.push_back({names.back(), Raw(absl::StrCat("value of ", id))});
  }
  MustApply(SetKeys("s", sets));
  const auto read = MustRead("s", names);
  for (std::size_t i = 0; i < sets.size(); ++i) EXPECT_EQ(read.values[i], sets[i].value);
}

TEST_F(NamesTest, KeysAreOrderedByBytes) {
  std::vector<KeyWrite> sets;
  std::vector<KeyName> names;
  for (const char* type : {"session", "pre-key", "Session", "pre_key", "~", "!"}) {
    for (const std::string& id : OddIds()) {
      names.push_back({type, id});
      sets.push_back({names.back(), Raw("v")});
    }
  }
  std::sort(names.begin(), names.end());
  MustApply(SetKeys("s", sets));

  constexpr std::size_t kOneAPage = 1;
  auto snapshot = Open("s");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  std::vector<KeyName> read;
  for (const KeyWrite& key : Drain(**snapshot, kOneAPage)) read.push_back(key.name);
  EXPECT_EQ(read, names);
}

TEST_F(NamesTest, DeleteTakesTheOneIdThatWasNamed) {
  std::map<KeyName, Value> left;
  std::vector<KeyWrite> sets;
  for (const std::string& id : OddIds()) {
    sets.push_back({{"session", id}, Raw(id)});
    left.emplace(sets.back().name, sets.back().value);
  }
  MustApply(SetKeys("s", sets));
  for (const char* id : {"%", "_", "a", "NULL", "\\", "{}", "'", "\xc3\xa9", "ss", " "}) {
    MustApply(DeleteKeys("s", {{"session", id}}));
    left.erase({"session", id});
  }
  EXPECT_EQ(Whole("s")->keys, left);
}

TEST_F(NamesTest, TypeAndIdAreNotJoined) {
  MustApply(SetKeys(
      "s", {{{"a", "b-c"}, Raw("1")}, {{"a-b", "c"}, Raw("2")}, {{"ab", "c"}, Raw("3")}, {{"a", "bc"}, Raw("4")}}));
  const auto read = MustRead("s", {{"a", "b-c"}, {"a-b", "c"}, {"ab", "c"}, {"a", "bc"}});
  EXPECT_EQ(read.values, (std::vector<std::optional<Value>>{Raw("1"), Raw("2"), Raw("3"), Raw("4")}));
}

TEST_F(NamesTest, LongestTypeAndSessionIdAreTaken) {
  std::string session_id(kMaxSessionIdBytes, 's');
  while (!store().TakesSessionId(session_id)) session_id.pop_back();
  const std::string type(kMaxKeyTypeBytes, '~');
  MustApply(SetKeys(session_id, {{{type, "1"}, Raw("v")}}));
  EXPECT_EQ(Key(session_id, {type, "1"}), Raw("v"));
  EXPECT_EQ(Key(session_id.substr(1), {type, "1"}), std::nullopt);
}

TEST_F(NamesTest, SessionIdsAreKeptApartByteForByte) {
  const std::vector<std::string> session_ids =
      Taken({"5511999999999", "a", "A", "a.b", "a_b", "a-b", "a:b", "a@b", "a@B"});
  for (const std::string& session_id : session_ids) {
    MustApply(SetCreds(session_id, Raw(session_id)));
  }
  for (const std::string& session_id : session_ids) {
    const auto read = MustRead(session_id);
    EXPECT_EQ(read.creds, Raw(session_id));
    EXPECT_EQ(read.revision, 1U);
  }
}

}  // namespace
}  // namespace authstate::conformance

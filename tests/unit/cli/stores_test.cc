// The stores that authstatectl imports from: every layout of docs/from-other-stores.md gives the same state.
#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/check/curve25519.h"
#include "client/cli/stores/store.h"
#include "client/cli/terminal/folder_problem.h"
#include "contract/json_members.h"
#include "tests/support/temp_dir.h"
#include "tests/support/working_creds.h"

namespace authstate::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Json Parsed(const std::string& text) { return Json::parse(text); }
Json Buffer(const std::string& bytes) { return {{"type", "Buffer"}, {"data", absl::Base64Escape(bytes)}}; }

// A state with a key of each type whose names or values other stores change, by the names of Baileys.
std::map<std::string, Json> Keys() {
  return {
      {"app-state-sync-key-AA/b+c==", Parsed(R"({"keyData":"eA==","timestamp":"1"})")},
      {"device-list-5511", Parsed(R"(["0","1"])")},
      {"lid-mapping-5511", "123456789012345678"},
      {"pre-key-1", {{"private", Buffer("x")}, {"public", Buffer("y")}}},
      {"sender-key-120@g.us::5511_1::0", Buffer("[]")},
      {"sender-key-memory-120@g.us", Parsed(R"({"5511:2@s.whatsapp.net":true})")},
      {"session-5511_1.0", Parsed(R"({"_sessions":{}})")},
      {"tctoken-5511:3@s.whatsapp.net", {{"token", Buffer("t")}}},
  };
}

std::string Fixed(const std::string& name) { return absl::StrReplaceAll(name, {{"/", "__"}, {":", "-"}}); }
Json Creds() { return Parsed(test::WorkingCreds()); }
absl::Status GoOn(std::size_t /*done*/, std::size_t /*total*/) { return absl::OkStatus(); }

// What a folder holds, by the names of Baileys, to compare with what was put in.
std::map<std::string, Json> Held(const Folder& folder) {
  std::map<std::string, Json> held;
  for (const client::KeyEntry& key : folder.keys) {
    held[absl::StrCat(key.name.type, "-", key.name.id)] =
        key.value.kind == ValueKind::kRaw ? Buffer(key.value.bytes) : Parsed(key.value.bytes);
  }
  return held;
}

std::vector<std::string> LeftOut(const Folder& folder) {
  std::vector<std::string> names;
  for (const FolderProblem& problem : folder.left_out) names.push_back(problem.file);
  return names;
}

class StoresTest : public ::testing::Test {
 protected:
  std::string Put(const std::string& name, const std::string& text) {
    std::ofstream(directory_.File(name), std::ios::binary) << text;
    return directory_.File(name);
  }
  std::string PutLines(const std::string& name, const std::vector<Json>& rows) {
    std::string text;
    for (const Json& row : rows) absl::StrAppend(&text, row.dump(), "\n");
    return Put(name, text);
  }
  absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path) { return OpenStore(path, options_); }
  // The session, which the store calls `name`.
  absl::StatusOr<Folder> Read(const std::string& path, const std::string& name = "") {
    auto store = Open(path);
    if (!store.ok()) return store.status();
    format_ = (*store)->format();
    return (*store)->Read(name, GoOn);
  }
  void ExpectAll(const std::string& path, const std::string& name = "") {
    const absl::StatusOr<Folder> folder = Read(path, name);
    ASSERT_TRUE(folder.ok()) << folder.status();
    ASSERT_TRUE(folder->creds.has_value());
    EXPECT_EQ(folder->creds->bytes, test::WorkingCreds());
    EXPECT_EQ(Held(*folder), Keys());
  }

  test::TempDir directory_;
  StoreOptions options_;
  std::string format_;
};

TEST_F(StoresTest, RowsOfSessionIdAndValue) {
  std::vector<Json> text{{{"session", "bot"}, {"id", "creds"}, {"value", Creds().dump()}}};
  std::vector<Json> jsonb{{{"session", "bot"}, {"id", "creds"}, {"value", Creds()}}};
  for (const auto& [name, value] : Keys()) {
    // mysql-baileys keeps the mapping without its quotes.
    const bool bare = value.is_string();
    text.push_back({{"session", "bot"}, {"id", name}, {"value", bare ? value : Json(value.dump())}});
    jsonb.push_back({{"session", "bot"}, {"id", Fixed(name)}, {"value", value}});
  }
  ExpectAll(PutLines("mysql", text), "bot");
  EXPECT_EQ(format_, "mysql-baileys");
  ExpectAll(Put("supabase", Json(jsonb).dump(2)), "bot");
  options_.from = "supabase-baileys";
  ExpectAll(directory_.File("supabase"), "bot");
  EXPECT_EQ(format_, "supabase-baileys");
}

TEST_F(StoresTest, AMappingThatWasReadAsANumberIsText) {
  const std::string path =
      PutLines("dump", {{{"session", "bot"}, {"id", "lid-mapping-1"}, {"value", 123456789012345678}},
                        {{"session", "bot"}, {"id", "lid-mapping-2"}, {"value", "\"77\""}},
                        {{"session", "bot"}, {"id", "lid-mapping-3"}, {"value", "77"}}});
  const absl::StatusOr<Folder> folder = Read(path, "bot");
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(folder->keys[0].value.bytes, R"("123456789012345678")");
  EXPECT_EQ(folder->keys[1].value.bytes, R"("77")");
  EXPECT_EQ(folder->keys[2].value.bytes, R"("77")");
}

TEST_F(StoresTest, OurOwnLines) {
  std::vector<Json> rows{{{"session", "bot"}, {"type", "creds"}, {"value", Creds()}}};
  for (const auto& [name, value] : Keys()) {
    const absl::StatusOr<client::KeyName> key = FromEntryName(name, {});
    ASSERT_TRUE(key.ok()) << key.status();
    rows.push_back({{"session", "bot"}, {"type", key->type}, {"id", key->id}, {"value", value}});
  }
  ExpectAll(PutLines("dump", rows), "bot");
  EXPECT_EQ(format_, "jsonl");
}

TEST_F(StoresTest, HashesOfRedis) {
  Json once;
  Json twice;
  once["creds"] = Creds().dump();
  twice["creds"] = Json(Creds().dump()).dump();
  once["metadata"] = "{}";
  for (const auto& [name, value] : Keys()) {
    once[name] = value.dump();
    twice[name] = Json(value.dump()).dump();
  }
  ExpectAll(Put("fazer", once.dump()));
  EXPECT_EQ(format_, "map");
  EXPECT_THAT(LeftOut(*Read(directory_.File("fazer"))), ElementsAre("metadata"));
  EXPECT_FALSE(Read(directory_.File("fazer"))->creds_unwrapped);
  options_.from = "evolution-v2";
  ExpectAll(Put("evolution", twice.dump()));
  EXPECT_TRUE(Read(directory_.File("evolution"))->creds_unwrapped);
}

TEST_F(StoresTest, KeysOfRedisByTheirPrefixes) {
  Json flat = Json::array();
  for (const std::string prefix : {"app:bot", "session-1"}) {
    flat.insert(flat.end(), {prefix + ":creds", Creds().dump()});
    for (const auto& [name, value] : Keys()) flat.insert(flat.end(), {prefix + ":" + Fixed(name), value.dump()});
  }
  ExpectAll(Put("dump", flat.dump()), "app:bot");
  ExpectAll(directory_.File("dump"), "session-1");
  EXPECT_THAT((*Open(directory_.File("dump")))->sessions(), ElementsAre("app:bot", "session-1"));
}

TEST_F(StoresTest, RowsOfPrisma) {
  std::vector<Json> rows{{{"pkId", 1}, {"sessionId", "bot"}, {"id", "creds"}, {"data", Creds().dump()}},
                         {{"pkId", 2}, {"sessionId", "bot"}, {"id", "session-config-bot"}, {"data", "{}"}}};
  for (const auto& [name, value] : Keys()) {
    rows.push_back({{"pkId", 3}, {"sessionId", "bot"}, {"id", Fixed(name)}, {"data", value.dump()}});
  }
  ExpectAll(PutLines("dump", rows), "bot");
  EXPECT_EQ(format_, "ookamiiixd");
  EXPECT_THAT(LeftOut(*Read(directory_.File("dump"), "bot")), ElementsAre("session-config-bot"));
}

TEST_F(StoresTest, EvolutionHasTheCredsElsewhereThanTheKeys) {
  const std::string folder = directory_.File("instance");
  fs::create_directory(folder);
  for (const auto& [name, value] : Keys()) Put("instance/" + Fixed(name) + ".json", value.dump());
  options_.creds_path = PutLines("creds", {{{"sessionId", "other"}, {"creds", nullptr}},
                                           {{"sessionId", "bot"}, {"creds", Json(Creds().dump()).dump()}}});
  options_.creds_session = "bot";
  ExpectAll(folder);
  EXPECT_TRUE(Read(folder)->creds_unwrapped);
  options_.creds_session = "nobody";
  EXPECT_THAT(std::string(Read(folder).status().message()), HasSubstr("no session nobody"));
}

TEST_F(StoresTest, DocumentsOfMongo) {
  std::string creds = test::WorkingCreds();
  const auto binary = [](const std::string& json) {
    return absl::StrReplaceAll(
        json, {{R"({"type":"Buffer","data":)", R"({"$binary":{"subType":"00","base64":)"}, {R"("})", R"("}})"}});
  };
  creds = test::WorkingCreds("demo", binary(test::KeyBuffer('a')));
  const absl::StatusOr<Folder> folder =
      Read(Put("dump", absl::StrCat(R"({"_id":"auth_creds","creds":)", creds, "}\n", R"({"_id":"pre-key-1","private":)",
                                    binary(test::KeyBuffer('x', 1)), R"(,"public":{"buffer":true,"data":"eQ=="}})",
                                    "\n", R"({"_id":"device-list-5511","content_array":["0"]})", "\n",
                                    R"({"_id":"sender-key-memory-1@g.us","5511@s":{"whatsapp":{"net":true}}})", "\n")));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(format_, "mongo-baileys");
  EXPECT_EQ(folder->creds->bytes, test::WorkingCreds());
  EXPECT_EQ(Held(*folder)["pre-key-1"], Keys()["pre-key-1"]);
  EXPECT_EQ(Held(*folder)["device-list-5511"], Json::array({"0"}));
  EXPECT_THAT(folder->mended, ElementsAre("auth_creds", "pre-key-1"));
  EXPECT_THAT(LeftOut(*folder), ElementsAre("sender-key-memory-1@g.us"));
}

TEST_F(StoresTest, NumbersInMongosOwnFormAreRefused) {
  const absl::Status status =
      Read(Put("dump", absl::StrCat(R"({"_id":"creds",)", test::WorkingCreds().substr(1), "\n",
                                    R"({"_id":"app-state-sync-version-regular","version":{"$numberInt":"3"}})", "\n")))
          .status();
  EXPECT_THAT(FolderProblemsOf(status)[0].reason, HasSubstr("relaxed"));
}

TEST_F(StoresTest, TheSingleFileOfBaileys4) {
  const Json document{{"creds", Creds()},
                      {"keys",
                       {{"preKeys", {{"1", Keys()["pre-key-1"]}, {"2", nullptr}}},
                        {"sessions", {{"5511_1.0", Keys()["session-5511_1.0"]}}},
                        {"senderKeys", {{"1@g.us::2::0", Parsed(R"([{"senderKeyId":1}])")}}},
                        {"undefined", {{"x", 1}}}}}};
  const absl::StatusOr<Folder> folder = Read(Put("auth.json", document.dump(2)));
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(format_, "single-file");
  EXPECT_EQ(folder->creds->bytes, test::WorkingCreds());
  const std::map<std::string, Json> expected{{"pre-key-1", Keys()["pre-key-1"]},
                                             {"session-5511_1.0", Keys()["session-5511_1.0"]},
                                             {"sender-key-1@g.us::2::0", Buffer(R"([{"senderKeyId":1}])")}};
  EXPECT_EQ(Held(*folder), expected);
  EXPECT_THAT(folder->mended, ElementsAre("keys.senderKeys.1@g.us::2::0"));
  EXPECT_THAT(LeftOut(*folder), ElementsAre("keys.undefined"));
}

TEST_F(StoresTest, SqliteOfBaileys) {
  const std::string path = directory_.File("auth.db");
  SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("CREATE TABLE creds (key TEXT PRIMARY KEY, value TEXT NOT NULL)");
  database.exec("CREATE TABLE signal_keys (type TEXT, id TEXT, value TEXT NOT NULL)");
  SQLite::Statement creds(database, "INSERT INTO creds VALUES ('__creds__', ?)");
  creds.bind(1, Creds().dump());
  creds.exec();
  for (const auto& [name, value] : Keys()) {
    const client::KeyName key = *FromEntryName(name, {});
    SQLite::Statement row(database, "INSERT INTO signal_keys VALUES (?, ?, ?)");
    row.bind(1, key.type);
    row.bind(2, key.id);
    row.bind(3, value.dump());
    row.exec();
  }
  // Still open, with all of it in the log.
  ExpectAll(path);
  EXPECT_EQ(format_, "baileys-sqlite");
}

std::string Hex(const std::string& bytes) { return absl::StrCat("\\x", absl::BytesToHexString(bytes)); }

TEST_F(StoresTest, WhatsmeowIsConvertedWhereBaileysCanReadIt) {
  const std::string jid = "5511:12@s.whatsapp.net";
  const std::string key(32, 'k');
  const Json tables{
      {"whatsmeow_device",
       {{{"jid", jid},
         {"lid", "77:12@lid"},
         {"registration_id", 9},
         {"noise_key", Hex(key)},
         {"identity_key", Hex(key)},
         {"signed_pre_key", Hex(key)},
         {"signed_pre_key_id", 1},
         {"signed_pre_key_sig", Hex(std::string(64, 's'))},
         {"adv_key", Hex(key)},
         {"adv_details", Hex("d")},
         {"adv_account_sig", Hex("a")},
         {"adv_account_sig_key", Hex(key)},
         {"adv_device_sig", Hex("v")},
         {"push_name", "Ann"}}}},
      {"whatsmeow_pre_keys", {{{"jid", jid}, {"key_id", 5}, {"key", Hex(key)}, {"uploaded", true}}}},
      {"whatsmeow_identity_keys",
       {{{"our_jid", jid}, {"their_id", "99_1:3"}, {"identity", Hex(key)}},
        {{"our_jid", jid}, {"their_id", "98_1:3"}, {"identity", "no bytes"}}}},
      {"whatsmeow_app_state_sync_keys",
       {{{"jid", jid}, {"key_id", Hex("old")}, {"key_data", Hex("x")}, {"timestamp", 5}},
        {{"jid", jid}, {"key_id", Hex("new")}, {"key_data", Hex("y")}, {"timestamp", 6}},
        {{"jid", jid}, {"key_id", Hex("torn")}, {"key_data", nullptr}, {"timestamp", 7}}}},
      {"whatsmeow_app_state_version", {{{"jid", jid}, {"name", "regular"}, {"version", 4}, {"hash", Hex("h")}}}},
      {"whatsmeow_app_state_mutation_macs",
       {{{"jid", jid}, {"name", "regular"}, {"version", 4}, {"index_mac", Hex("i")}, {"value_mac", Hex("v4")}},
        {{"jid", jid}, {"name", "regular"}, {"version", 3}, {"index_mac", Hex("i")}, {"value_mac", Hex("v3")}}}},
      {"whatsmeow_lid_map", {{{"lid", "99"}, {"pn", "5522"}}}},
      {"whatsmeow_privacy_tokens",
       {{{"our_jid", jid}, {"their_jid", "5522@s.whatsapp.net"}, {"token", Hex("old")}, {"timestamp", 1}},
        {{"our_jid", jid}, {"their_jid", "99@lid"}, {"token", Hex("new")}, {"timestamp", 2}}}},
      {"whatsmeow_sessions", {{{"our_jid", jid}, {"their_id", "99_1:3"}, {"session", Hex("p")}}}},
      {"whatsmeow_sender_keys", nullptr}};
  const absl::StatusOr<Folder> folder = Read(Put("dump", tables.dump()), jid);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_EQ(format_, "whatsmeow");
  const Json pair{{"private", Buffer(key)}, {"public", Buffer(PublicKeyOf(key))}};
  const Json creds = Parsed(folder->creds->bytes);
  EXPECT_EQ(creds["noiseKey"], pair);
  EXPECT_EQ(creds["nextPreKeyId"], 6);
  EXPECT_EQ(creds["firstUnuploadedPreKeyId"], 6);
  EXPECT_EQ(creds["myAppStateKeyId"], absl::Base64Escape("new"));
  EXPECT_EQ(creds["signalIdentities"][0]["identifierKey"], Buffer("\x05" + key));
  const std::map<std::string, Json> expected{
      {"pre-key-5", pair},
      {"identity-key-99_1.3", Buffer("\x05" + key)},
      {"app-state-sync-key-" + absl::Base64Escape("old"), Parsed(R"({"keyData":"eA==","timestamp":"5"})")},
      {"app-state-sync-key-" + absl::Base64Escape("new"), Parsed(R"({"keyData":"eQ==","timestamp":"6"})")},
      {"app-state-sync-version-regular",
       {{"version", 4}, {"hash", Buffer("h")}, {"indexValueMap", {{"aQ==", {{"valueMac", Buffer("v4")}}}}}}},
      {"lid-mapping-5522", "99"},
      {"lid-mapping-99_reverse", "5522"},
      {"tctoken-99@lid", {{"token", Buffer("new")}, {"timestamp", "2"}}}};
  EXPECT_EQ(Held(*folder), expected);
  EXPECT_THAT(LeftOut(*folder), ElementsAre("whatsmeow_identity_keys 98_1.3",
                                            "whatsmeow_app_state_sync_keys dG9ybg==", "whatsmeow_sessions"));
}

TEST_F(StoresTest, WhatIsOfNoKnownTypeIsNamedAndLeftOut) {
  const std::string path = Put("dump", Json{{"creds", Creds().dump()}, {"poll-key-1", "{}"}}.dump());
  EXPECT_THAT(LeftOut(*Read(path)), ElementsAre("poll-key-1"));
  options_.rules.names.more_types = {"poll-key"};
  EXPECT_EQ(Read(path)->keys[0].name.type, "poll-key");
}

TEST_F(StoresTest, TornEntriesAreRefusedOrNamedAndLeftOut) {
  const std::string path =
      Put("dump", absl::StrCat(Json{{"session", "bot"}, {"id", "creds"}, {"value", Creds()}}.dump(), "\n",
                               Json{{"session", "bot"}, {"id", "pre-key-1"}, {"value", "{\"a\":"}}.dump(), "\n",
                               "{\"session\":\"bot\",\"id\":\"pre-k"));
  std::vector<std::string> at_fault;
  for (const FolderProblem& problem : FolderProblemsOf(Read(path, "bot").status())) at_fault.push_back(problem.file);
  EXPECT_THAT(at_fault, ElementsAre("line 3", "pre-key-1"));
  options_.rules.skip_torn = true;
  EXPECT_THAT(LeftOut(*Read(path, "bot")), ElementsAre("line 3", "pre-key-1"));
}

TEST_F(StoresTest, TornCredsAreAlwaysRefused) {
  options_.rules.skip_torn = true;
  const absl::Status status = Read(Put("dump", Json{{"creds", "{\"noiseKey\":"}}.dump())).status();
  EXPECT_EQ(FolderProblemsOf(status)[0].file, "creds");
}

TEST_F(StoresTest, AKeyThatStandsTwiceIsRefused) {
  const std::string path = Put("dump", R"({"app-state-sync-key-A/A=":"{}","app-state-sync-key-A__A=":"{}"})");
  EXPECT_THAT(FolderProblemsOf(Read(path).status())[0].reason, HasSubstr("another entry of this key"));
}

TEST_F(StoresTest, WhatIsNoDumpIsSaid) {
  EXPECT_THAT(std::string(Open(Put("a", "hello")).status().message()), HasSubstr("at byte 0"));
  EXPECT_THAT(std::string(Open(Put("b", R"({"name":"value"})")).status().message()), HasSubstr("no format"));
  options_.from = "whatsmeow";
  EXPECT_THAT(std::string(Open(Put("c", R"({"creds":"{}"})")).status().message()), HasSubstr("dump of whatsmeow"));
  EXPECT_FALSE(Open(directory_.File("absent")).ok());
}

TEST_F(StoresTest, TheSessionToReadIsTheOnlyOneOrNamed) {
  const std::string one = Put("one", R"({"creds":"{}"})");
  EXPECT_EQ(*ChooseSession(**Open(one), "", "bot"), "");
  const std::string two = PutLines("two", {{{"session", "a"}, {"id", "creds"}, {"value", "{}"}},
                                           {{"session", "b"}, {"id", "creds"}, {"value", "{}"}}});
  EXPECT_EQ(*ChooseSession(**Open(two), "", "b"), "b");
  EXPECT_EQ(*ChooseSession(**Open(two), "a", "b"), "a");
  EXPECT_THAT(std::string(ChooseSession(**Open(two), "", "c").status().message()), HasSubstr("but a, b"));
}

}  // namespace
}  // namespace authstate::cli

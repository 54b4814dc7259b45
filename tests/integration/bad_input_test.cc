// Every way to break the contract, over every RPC and field: the right code, the field named, nothing changed.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "contract/limits.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using Stub = v1::AuthStateService::Stub;

constexpr char kSession[] = "bystander";

struct BadInput {
  std::string name;
  std::function<grpc::Status(Stub&)> call;
  std::string field;
  bool mutation = false;
};

template <typename Request, typename Response>
using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

template <typename Request, typename Response>
BadInput Bad(const std::string& what, Method<Request, Response> method, Request request, std::string field,
             bool mutation) {
  return {absl::StrCat(request.GetTypeName(), ": ", what),
          [method, request = std::move(request)](Stub& stub) {
            grpc::ClientContext context;
            Response response;
            return (stub.*method)(&context, request, &response);
          },
          std::move(field), mutation};
}

// Values of a string field that break its rules.
struct BadString {
  const char* what;
  std::string value;
};

std::vector<BadString> BadSessionIds() {
  return {{"empty", ""},        {"too long", std::string(kMaxSessionIdBytes + 1, 's')},
          {"space", "a b"},     {"slash", "a/b"},
          {"non-ASCII", "é"},   {"NUL", std::string("a\0b", 3)},
          {"not UTF-8", "\xff"}};
}

std::vector<BadString> BadTypes() {
  return {{"empty type", ""},
          {"type too long", std::string(kMaxKeyTypeBytes + 1, 't')},
          {"type with a tab", "a\tb"},
          {"type non-ASCII", "é"},
          {"type not UTF-8", "\xff"}};
}

std::vector<BadString> BadIds() {
  return {{"empty id", ""},
          {"id too long", std::string(kMaxKeyIdBytes + 1, 'i')},
          {"id with NUL", std::string("a\0b", 3)},
          {"id not UTF-8", "\xc3"}};
}

std::vector<BadString> BadJson() {
  return {{"empty JSON", ""},
          {"torn JSON", R"({"a":)"},
          {"text after JSON", "{} {}"},
          {"bad base64", R"({"k":{"type":"Buffer","data":"AQ"}})"},
          {"byte over 255", R"({"k":{"type":"Buffer","data":[1,256]}})"},
          {"JSON not UTF-8", "{\"a\":\"\xff\"}"},
          {"JSON too deep", std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']')},
          {"JSON too long", absl::StrCat(R"({"a":")", std::string(kMaxValueBytes, 'x'), R"("})")}};
}

template <typename Request, typename Response>
void AddSessionIds(Method<Request, Response> method, Request valid, bool mutation, std::vector<BadInput>* table) {
  for (const BadString& bad : BadSessionIds()) {
    valid.set_session_id(bad.value);
    table->push_back(Bad(bad.what, method, valid, "session_id", mutation));
  }
}

v1::KeyEntry Entry(const std::string& type, const std::string& id, const std::string& json = "{}") {
  v1::KeyEntry entry;
  entry.mutable_key()->set_type(type);
  entry.mutable_key()->set_id(id);
  entry.mutable_value()->set_json(json);
  return entry;
}

v1::KeySelection Selection(const std::string& type, std::vector<std::string> ids) {
  v1::KeySelection selection;
  selection.set_type(type);
  for (std::string& id : ids) selection.add_ids(std::move(id));
  return selection;
}

// Selections as GetKeys and DeleteKeys take them.
template <typename Request, typename Response>
void AddSelections(Method<Request, Response> method, bool mutation, std::vector<BadInput>* table) {
  Request valid;
  valid.set_session_id(kSession);
  *valid.add_keys() = Selection("pre-key", {"1"});
  AddSessionIds(method, valid, mutation, table);
  for (const BadString& bad : BadTypes()) {
    Request request = valid;
    *request.add_keys() = Selection(bad.value, {"2"});
    table->push_back(Bad(bad.what, method, request, "keys[1].type", mutation));
  }
  for (const BadString& bad : BadIds()) {
    Request request = valid;
    *request.add_keys() = Selection("session", {"ok", bad.value});
    table->push_back(Bad(bad.what, method, request, "keys[1].ids[1]", mutation));
  }
  Request none;
  none.set_session_id(kSession);
  table->push_back(Bad("no keys", method, none, "keys", mutation));
  Request no_ids = valid;
  *no_ids.add_keys() = Selection("session", {});
  table->push_back(Bad("no ids", method, no_ids, "keys[1].ids", mutation));
  Request many;
  many.set_session_id(kSession);
  v1::KeySelection* const selection = many.add_keys();
  selection->set_type("pre-key");
  for (std::size_t i = 0; i <= kMaxCommitOperations; ++i) selection->add_ids(absl::StrCat(i));
  table->push_back(Bad("too many ids", method, many, "keys", mutation));
}

// Entries as SetKeys and Commit take them; `add` adds one to a request, `field` names the list.
template <typename Request, typename Response>
void AddEntries(Method<Request, Response> method, const std::string& field,
                const std::function<v1::KeyEntry*(Request*)>& add, std::vector<BadInput>* table) {
  Request valid;
  valid.set_session_id(kSession);
  *add(&valid) = Entry("pre-key", "1");
  AddSessionIds(method, valid, true, table);
  const auto with = [&](const v1::KeyEntry& entry) {
    Request request = valid;
    *add(&request) = entry;
    return request;
  };
  for (const BadString& bad : BadTypes()) {
    table->push_back(Bad(bad.what, method, with(Entry(bad.value, "2")), field + "[1].key.type", true));
  }
  for (const BadString& bad : BadIds()) {
    table->push_back(Bad(bad.what, method, with(Entry("pre-key", bad.value)), field + "[1].key.id", true));
  }
  for (const BadString& bad : BadJson()) {
    table->push_back(Bad(bad.what, method, with(Entry("pre-key", "2", bad.value)), field + "[1].value.json", true));
  }
  v1::KeyEntry no_kind = Entry("pre-key", "2");
  no_kind.clear_value();
  table->push_back(Bad("no value", method, with(no_kind), field + "[1].value", true));
  v1::KeyEntry no_key = Entry("pre-key", "2");
  no_key.clear_key();
  table->push_back(Bad("no key", method, with(no_key), field + "[1].key.type", true));
  v1::KeyEntry large = Entry("pre-key", "2");
  large.mutable_value()->set_raw(std::string(kMaxValueBytes + 1, 'x'));
  table->push_back(Bad("raw too long", method, with(large), field + "[1].value.raw", true));
  table->push_back(Bad("the same key twice", method, with(Entry("pre-key", "1")), field + "[1].key.id", true));

  Request heavy;
  heavy.set_session_id(kSession);
  for (int i = 0; i < 5; ++i) {
    v1::KeyEntry entry = Entry("pre-key", absl::StrCat(i));
    entry.mutable_value()->set_raw(std::string(kMaxValueBytes, 'x'));
    *add(&heavy) = entry;
  }
  table->push_back(Bad("values together too long", method, heavy, field + "[4].value", true));
}

void AddCreds(std::vector<BadInput>* table) {
  v1::GetCredsRequest get;
  AddSessionIds(&Stub::GetCreds, get, false, table);
  v1::DeleteCredsRequest erase;
  AddSessionIds(&Stub::DeleteCreds, erase, true, table);
  v1::SetCredsRequest set;
  set.mutable_creds()->set_json("{}");
  AddSessionIds(&Stub::SetCreds, set, true, table);
  set.set_session_id(kSession);
  for (const BadString& bad : BadJson()) {
    set.mutable_creds()->set_json(bad.value);
    table->push_back(Bad(bad.what, &Stub::SetCreds, set, "creds.json", true));
  }
  for (const char* json : {"[]", "null", "1", R"({"type":"Buffer","data":"AQ=="})"}) {
    set.mutable_creds()->set_json(json);
    table->push_back(Bad(absl::StrCat("creds ", json), &Stub::SetCreds, set, "creds", true));
  }
  set.mutable_creds()->set_raw("{}");
  table->push_back(Bad("raw creds", &Stub::SetCreds, set, "creds", true));
  set.clear_creds();
  table->push_back(Bad("no creds", &Stub::SetCreds, set, "creds", true));
}

void AddCommit(std::vector<BadInput>* table) {
  AddEntries<v1::CommitRequest, v1::CommitResponse>(
      &Stub::Commit, "sets", [](v1::CommitRequest* request) { return request->add_sets(); }, table);
  v1::CommitRequest valid;
  valid.set_session_id(kSession);
  *valid.add_sets() = Entry("pre-key", "1");
  const auto deleting = [&](const std::string& type, const std::string& id) {
    v1::CommitRequest request = valid;
    request.add_deletes()->set_type(type);
    request.mutable_deletes(0)->set_id(id);
    return request;
  };
  for (const BadString& bad : BadTypes()) {
    table->push_back(Bad(bad.what, &Stub::Commit, deleting(bad.value, "2"), "deletes[0].type", true));
  }
  for (const BadString& bad : BadIds()) {
    table->push_back(Bad(bad.what, &Stub::Commit, deleting("session", bad.value), "deletes[0].id", true));
  }
  table->push_back(Bad("set and deleted", &Stub::Commit, deleting("pre-key", "1"), "deletes[0].id", true));
  v1::CommitRequest creds = valid;
  creds.mutable_creds()->set_json("[]");
  table->push_back(Bad("creds no object", &Stub::Commit, creds, "creds", true));
  creds.mutable_creds()->set_json("{");
  table->push_back(Bad("creds torn", &Stub::Commit, creds, "creds.json", true));
  v1::CommitRequest nothing;
  nothing.set_session_id(kSession);
  table->push_back(Bad("nothing to do", &Stub::Commit, nothing, "commit", true));
  v1::CommitRequest many = valid;
  for (std::size_t i = 0; i < kMaxCommitOperations; ++i) {
    many.add_deletes()->set_type("session");
    many.mutable_deletes()->rbegin()->set_id(absl::StrCat(i));
  }
  table->push_back(Bad("too many operations", &Stub::Commit, many, "commit", true));
}

void AddSessions(std::vector<BadInput>* table) {
  AddSessionIds(&Stub::DeleteSession, v1::DeleteSessionRequest(), true, table);
  for (const BadString& bad : BadSessionIds()) {
    if (bad.value.empty()) continue;
    v1::ListSessionsRequest list;
    list.set_prefix(bad.value);
    table->push_back(Bad(bad.what, &Stub::ListSessions, list, "prefix", false));
  }
  v1::ListSessionsRequest list;
  list.set_page_size(kMaxListPageSize + 1);
  table->push_back(Bad("page too large", &Stub::ListSessions, list, "page_size", false));
  list.set_page_size(1);
  list.set_page_token("not a token");
  table->push_back(Bad("bad token", &Stub::ListSessions, list, "page_token", false));
}

grpc::Status LoadAll(Stub& stub, const v1::LoadSessionRequest& request, std::string* all) {
  grpc::ClientContext context;
  auto stream = stub.LoadSession(&context, request);
  v1::LoadSessionResponse page;
  while (stream->Read(&page)) absl::StrAppend(all, page.ShortDebugString());
  return stream->Finish();
}

void AddLoadSession(std::vector<BadInput>* table) {
  const auto add = [table](const char* what, const v1::LoadSessionRequest& request, std::string field) {
    const auto call = [request](Stub& stub) {
      std::string ignored;
      return LoadAll(stub, request, &ignored);
    };
    table->push_back({absl::StrCat("authstate.v1.LoadSessionRequest: ", what), call, std::move(field), false});
  };
  for (const BadString& bad : BadSessionIds()) {
    v1::LoadSessionRequest request;
    request.set_session_id(bad.value);
    add(bad.what, request, "session_id");
  }
  v1::LoadSessionRequest request;
  request.set_session_id(kSession);
  request.set_page_bytes(kMaxLoadPageBytes + 1);
  add("page too large", request, "page_bytes");
}

// Length and fence as AcquireLease, RenewLease and ReleaseLease take them.
template <typename Request, typename Response>
void AddTtls(Method<Request, Response> method, Request valid, std::vector<BadInput>* table) {
  valid.clear_ttl();
  table->push_back(Bad("no ttl", method, valid, "ttl", true));
  valid.mutable_ttl()->set_nanos(999'999'999);
  table->push_back(Bad("ttl too short", method, valid, "ttl", true));
  valid.mutable_ttl()->set_seconds(kMaxLeaseSeconds);
  table->push_back(Bad("ttl too long", method, valid, "ttl", true));
  valid.mutable_ttl()->set_seconds(-1);
  table->push_back(Bad("negative ttl", method, valid, "ttl", true));
  valid.mutable_ttl()->set_seconds(5);
  valid.mutable_ttl()->set_nanos(-1);
  table->push_back(Bad("ttl of two signs", method, valid, "ttl", true));
  valid.mutable_ttl()->set_nanos(1'000'000'000);
  table->push_back(Bad("nanos of a second", method, valid, "ttl", true));
}

void AddLeases(std::vector<BadInput>* table) {
  v1::AcquireLeaseRequest acquire;
  acquire.set_owner("a");
  acquire.mutable_ttl()->set_seconds(1);
  AddSessionIds(&Stub::AcquireLease, acquire, true, table);
  acquire.set_session_id(kSession);
  AddTtls(&Stub::AcquireLease, acquire, table);
  for (const BadString& bad :
       {BadString{"no owner", ""}, BadString{"owner too long", std::string(kMaxOwnerBytes + 1, 'o')},
        BadString{"owner with a line end", "a\n"}, BadString{"owner not UTF-8", "\xff"}}) {
    acquire.set_owner(bad.value);
    table->push_back(Bad(bad.what, &Stub::AcquireLease, acquire, "owner", true));
  }
  v1::RenewLeaseRequest renew;
  renew.set_fence(1);
  renew.mutable_ttl()->set_seconds(1);
  AddSessionIds(&Stub::RenewLease, renew, true, table);
  renew.set_session_id(kSession);
  AddTtls(&Stub::RenewLease, renew, table);
  renew.clear_fence();
  table->push_back(Bad("no fence", &Stub::RenewLease, renew, "fence", true));
  v1::ReleaseLeaseRequest release;
  release.set_fence(1);
  AddSessionIds(&Stub::ReleaseLease, release, true, table);
  release.set_session_id(kSession);
  release.clear_fence();
  table->push_back(Bad("no fence", &Stub::ReleaseLease, release, "fence", true));
  AddSessionIds(&Stub::GetLease, v1::GetLeaseRequest(), false, table);
}

std::vector<BadInput> Table() {
  std::vector<BadInput> table;
  AddCreds(&table);
  AddSelections<v1::GetKeysRequest, v1::GetKeysResponse>(&Stub::GetKeys, false, &table);
  AddSelections<v1::DeleteKeysRequest, v1::DeleteKeysResponse>(&Stub::DeleteKeys, true, &table);
  v1::DeleteKeysRequest twice;
  twice.set_session_id(kSession);
  *twice.add_keys() = Selection("pre-key", {"1", "2", "1"});
  table.push_back(Bad("the same key twice", &Stub::DeleteKeys, twice, "keys[0].ids[2]", true));
  AddEntries<v1::SetKeysRequest, v1::SetKeysResponse>(
      &Stub::SetKeys, "keys", [](v1::SetKeysRequest* request) { return request->add_keys(); }, &table);
  AddCommit(&table);
  AddSessions(&table);
  AddLeases(&table);
  AddLoadSession(&table);
  return table;
}

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_TRUE(details.details_size() > 0 && details.details(0).UnpackTo(&info));
  return info;
}

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = test::TestServer::Create({{"--sqlite-path", directory_.File("authstate.db")}, {}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    grpc::ChannelArguments arguments;
    arguments.SetMaxSendMessageSize(-1);
    stub_ = v1::AuthStateService::NewStub(
        grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), arguments));
    v1::CommitRequest commit;
    commit.set_session_id(kSession);
    commit.mutable_creds()->set_json(R"({"registered":true})");
    *commit.add_sets() = Entry("pre-key", "1", "[1]");
    *commit.add_sets() = Entry("session", "0", "[2]");
    grpc::ClientContext context;
    v1::CommitResponse response;
    ASSERT_TRUE(stub_->Commit(&context, commit, &response).ok());
  }

  // All that the server holds.
  std::string Everything() {
    std::string all;
    grpc::ClientContext context;
    v1::ListSessionsResponse sessions;
    EXPECT_TRUE(stub_->ListSessions(&context, {}, &sessions).ok());
    absl::StrAppend(&all, sessions.ShortDebugString());
    for (const v1::Session& session : sessions.sessions()) {
      v1::LoadSessionRequest request;
      request.set_session_id(session.session_id());
      EXPECT_TRUE(LoadAll(*stub_, request, &all).ok());
    }
    return all;
  }

  test::TempDir directory_;
  std::unique_ptr<test::TestServer> server_;
  std::unique_ptr<Stub> stub_;
};

TEST_F(BadInputTest, EveryRuleOfEveryFieldHoldsAndNothingChanges) {
  const std::string before = Everything();
  const std::vector<BadInput> table = Table();
  EXPECT_GT(table.size(), 120U);
  for (const BadInput& bad : table) {
    SCOPED_TRACE(bad.name);
    const grpc::Status status = bad.call(*stub_);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    EXPECT_TRUE(absl::StartsWith(status.error_message(), bad.field + ": ")) << status.error_message();
    const google::rpc::ErrorInfo info = InfoOf(status);
    EXPECT_EQ(info.domain(), "authstate");
    EXPECT_EQ(info.reason(), "INVALID_FIELD");
    EXPECT_EQ(info.metadata().count("field") == 0 ? "" : info.metadata().at("field"), bad.field);
    EXPECT_EQ(info.metadata().count("outcome") == 0 ? "" : info.metadata().at("outcome"),
              bad.mutation ? "NOT_APPLIED" : "");
  }
  EXPECT_EQ(Everything(), before);
}

TEST_F(BadInputTest, AMessageOverTheWireLimitIsRefusedAndNothingChanges) {
  const std::string before = Everything();
  v1::SetKeysRequest request;
  request.set_session_id(kSession);
  *request.add_keys() = Entry("pre-key", "1");
  request.mutable_keys(0)->mutable_value()->set_raw(std::string(kMaxMessageBytes + 1, 'x'));
  grpc::ClientContext context;
  v1::SetKeysResponse response;
  EXPECT_EQ(stub_->SetKeys(&context, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Everything(), before);
}

TEST_F(BadInputTest, AFullCommitMayStillReplaceAllKeys) {
  v1::CommitRequest commit;
  commit.set_session_id(kSession);
  commit.set_clear_keys(true);
  for (std::size_t i = 0; i < kMaxCommitOperations; ++i) *commit.add_sets() = Entry("pre-key", absl::StrCat("n", i));
  grpc::ClientContext context;
  v1::CommitResponse response;
  const grpc::Status status = stub_->Commit(&context, commit, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();

  grpc::ClientContext list_context;
  v1::ListSessionsResponse sessions;
  ASSERT_TRUE(stub_->ListSessions(&list_context, {}, &sessions).ok());
  EXPECT_EQ(sessions.sessions(0).key_count(), kMaxCommitOperations);
}

TEST_F(BadInputTest, ACommitMayClearKeysAndDoNothingElse) {
  v1::CommitRequest commit;
  commit.set_session_id(kSession);
  commit.set_clear_keys(true);
  grpc::ClientContext context;
  v1::CommitResponse response;
  ASSERT_TRUE(stub_->Commit(&context, commit, &response).ok());

  grpc::ClientContext list_context;
  v1::ListSessionsResponse sessions;
  ASSERT_TRUE(stub_->ListSessions(&list_context, {}, &sessions).ok());
  EXPECT_EQ(sessions.sessions(0).key_count(), 0U);
  EXPECT_TRUE(sessions.sessions(0).has_creds());
}

TEST_F(BadInputTest, WhatIsJustWithinTheLimitsIsTaken) {
  v1::CommitRequest commit;
  commit.set_session_id(std::string(kMaxSessionIdBytes, 's'));
  for (int i = 0; i < 4; ++i) {
    *commit.add_sets() =
        Entry(std::string(kMaxKeyTypeBytes, 't'), std::string(kMaxKeyIdBytes - 1, 'i') + std::to_string(i));
    commit.mutable_sets(i)->mutable_value()->set_raw(std::string(kMaxValueBytes, 'x'));
  }
  grpc::ClientContext context;
  v1::CommitResponse response;
  const grpc::Status status = stub_->Commit(&context, commit, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.revision(), 1U);

  v1::GetKeysRequest get;
  get.set_session_id(commit.session_id());
  for (const v1::KeyEntry& entry : commit.sets()) *get.add_keys() = Selection(entry.key().type(), {entry.key().id()});
  grpc::ClientContext get_context;
  v1::GetKeysResponse keys;
  auto channel_arguments = grpc::ChannelArguments();
  channel_arguments.SetMaxReceiveMessageSize(-1);
  auto stub = v1::AuthStateService::NewStub(
      grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(), channel_arguments));
  ASSERT_TRUE(stub->GetKeys(&get_context, get, &keys).ok());
  EXPECT_EQ(keys.found_size(), 4);
}

}  // namespace
}  // namespace authstate

#include "tests/integration/bad_inputs.h"

#include <grpcpp/client_context.h>

#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"

namespace authstate {

v1::KeyEntry Entry(const std::string& type, const std::string& id, const std::string& json) {
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

grpc::Status LoadAll(Stub& stub, const v1::LoadSessionRequest& request, std::string* all) {
  grpc::ClientContext context;
  auto stream = stub.LoadSession(&context, request);
  v1::LoadSessionResponse page;
  while (stream->Read(&page)) absl::StrAppend(all, page.ShortDebugString());
  return stream->Finish();
}

namespace {

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

// Lengths of time that no past can be ago.
struct BadAge {
  const char* what;
  google::protobuf::Duration age;
};

std::vector<BadAge> BadAges() {
  const auto duration = [](std::int64_t seconds, std::int32_t nanos) {
    google::protobuf::Duration age;
    age.set_seconds(seconds);
    age.set_nanos(nanos);
    return age;
  };
  constexpr std::int64_t kSecondsOfADay = 86'400;
  return {{"negative", duration(0, -1)},
          {"of two signs", duration(1, -1)},
          {"too many nanos", duration(0, 1'000'000'000)},
          {"too long", duration(kMaxAgeDays * kSecondsOfADay, 1)},
          {"far too long", duration(std::numeric_limits<std::int64_t>::max(), 0)}};
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
  v1::CommitRequest carried = valid;
  carried.set_carried_revision((std::uint64_t{1} << 62U) + 1);
  table->push_back(Bad("revision too large", &Stub::Commit, carried, "carried_revision", true));
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
  for (const BadAge& bad : BadAges()) {
    v1::ListSessionsRequest aged;
    *aged.mutable_unwritten_for() = bad.age;
    table->push_back(Bad(bad.what, &Stub::ListSessions, aged, "unwritten_for", false));
  }
  for (const int state : {0, 7, -1}) {
    v1::ListSessionsRequest listed;
    listed.add_states(v1::SESSION_STATE_PAIRED);
    listed.add_states(static_cast<v1::SessionState>(state));
    table->push_back(Bad(absl::StrCat("state ", state), &Stub::ListSessions, listed, "states[1]", false));
  }
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
  request.set_page_bytes(0);
  for (const BadAge& bad : BadAges()) {
    *request.mutable_unchanged_for() = bad.age;
    add(bad.what, request, "unchanged_for");
  }
  request.clear_unchanged_for();
  request.add_types("session");
  for (const BadString& bad : BadTypes()) {
    v1::LoadSessionRequest typed = request;
    typed.add_types(bad.value);
    add(bad.what, typed, "types[1]");
  }
  for (std::size_t i = 0; i < kMaxSelectedTypes; ++i) request.add_types("session");
  add("too many types", request, "types");
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
  acquire.set_owner("a");
  acquire.set_fence_step((std::uint64_t{1} << 31U) + 1);
  table->push_back(Bad("fence step too large", &Stub::AcquireLease, acquire, "fence_step", true));
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

}  // namespace

std::vector<BadInput> EveryBadInput() {
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

}  // namespace authstate

// Every way in which a message of a pipe can break the contract, and the field that is named.
#include <gmock/gmock.h>
#include <google/protobuf/arena.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "contract/limits.h"
#include "server/handlers/request_error.h"
#include "server/pipe/operation.h"
#include "tests/support/pipe_operations.h"

namespace authstate::server::pipe {
namespace {

namespace send = ::authstate::test::pipe;

// Changes one field of a valid operation so that it breaks the contract.
struct BadOperation {
  std::string name;
  v1::PipeOperation operation;
  std::string field;
};

v1::PipeOperation With(v1::PipeOperation operation, const std::function<void(v1::PipeOperation&)>& change) {
  change(operation);
  return operation;
}

void AddSessionIds(std::vector<BadOperation>* table) {
  for (const std::string& id : {std::string(), std::string(kMaxSessionIdBytes + 1, 's'), std::string("a b"),
                                std::string("a/b"), std::string("é"), std::string("a\0b", 3)}) {
    table->push_back(
        {absl::StrCat("session id of ", id.size(), " bytes"), send::Attach(1, 1, id), "attach.session_id"});
  }
}

void AddLeases(std::vector<BadOperation>* table) {
  for (const std::string& owner : {std::string(), std::string(kMaxOwnerBytes + 1, 'o'), std::string("o\n")}) {
    table->push_back(
        {absl::StrCat("owner of ", owner.size(), " bytes"), send::Attach(1, 1, "s", owner), "attach.owner"});
  }
  for (const std::int64_t seconds : {std::int64_t{-1}, std::int64_t{0}, kMaxLeaseSeconds + 1, INT64_MAX, INT64_MIN}) {
    const auto set = [seconds](google::protobuf::Duration* ttl) { ttl->set_seconds(seconds); };
    table->push_back(
        {absl::StrCat("ttl of ", seconds),
         With(send::Attach(1, 1, "s"), [&](v1::PipeOperation& bad) { set(bad.mutable_attach()->mutable_ttl()); }),
         "attach.ttl"});
    table->push_back({absl::StrCat("ttl of ", seconds, " with a fence"),
                      With(send::Attach(1, 1, "s", "me", 3),
                           [&](v1::PipeOperation& bad) { set(bad.mutable_attach()->mutable_ttl()); }),
                      "attach.ttl"});
    table->push_back({absl::StrCat("renewal of ", seconds),
                      With(send::Renew(1, 1), [&](v1::PipeOperation& bad) { set(bad.mutable_renew()->mutable_ttl()); }),
                      "renew.ttl"});
  }
  table->push_back({"no ttl", With(send::Renew(1, 1), [](v1::PipeOperation& bad) { bad.mutable_renew()->clear_ttl(); }),
                    "renew.ttl"});
}

void AddGets(std::vector<BadOperation>* table) {
  const auto add = [table](const std::string& name, const std::string& field,
                           const std::function<void(v1::KeySelection*)>& change) {
    v1::PipeOperation bad = send::Get(1, 1);
    change(bad.mutable_get()->add_keys());
    table->push_back({name, std::move(bad), field});
  };
  add("get without type", "get.keys[1].type", [](v1::KeySelection* keys) { keys->add_ids("1"); });
  add("get of a long type", "get.keys[1].type", [](v1::KeySelection* keys) {
    keys->set_type(std::string(kMaxKeyTypeBytes + 1, 't'));
    keys->add_ids("1");
  });
  add("get without ids", "get.keys[1].ids", [](v1::KeySelection* keys) { keys->set_type("t"); });
  add("get of an empty id", "get.keys[1].ids[1]", [](v1::KeySelection* keys) {
    keys->set_type("t");
    keys->add_ids("2");
    keys->add_ids("");
  });
  add("get of a long id", "get.keys[1].ids[0]", [](v1::KeySelection* keys) {
    keys->set_type("t");
    keys->add_ids(std::string(kMaxKeyIdBytes + 1, 'i'));
  });
  add("get of too many", "get.keys", [](v1::KeySelection* keys) {
    keys->set_type("t");
    for (std::size_t i = 0; i < kMaxCommitOperations; ++i) keys->add_ids(absl::StrCat("id", i));
  });
}

void AddCommits(std::vector<BadOperation>* table) {
  const auto add = [table](const std::string& name, const std::string& field,
                           const std::function<void(v1::PipeCommit*)>& change) {
    v1::PipeOperation bad = send::Commit(1, 1, 1, "v");
    change(bad.mutable_commit());
    table->push_back({name, std::move(bad), absl::StrCat("commit.", field)});
  };
  const auto add_set = [&add](const std::string& name, const std::string& field,
                              const std::function<void(v1::KeyEntry*)>& change) {
    add(name, absl::StrCat("sets[1].", field), [&change](v1::PipeCommit* commit) {
      v1::KeyEntry* const entry = commit->add_sets();
      entry->mutable_key()->set_type("t");
      entry->mutable_key()->set_id("2");
      entry->mutable_value()->set_raw("v");
      change(entry);
    });
  };
  add("no number", "number", [](v1::PipeCommit* commit) { commit->clear_number(); });
  add("no operation", "sets", [](v1::PipeCommit* commit) { commit->clear_sets(); });
  add("creds that are no object", "creds", [](v1::PipeCommit* commit) { commit->mutable_creds()->set_json("[]"); });
  add("creds that are raw", "creds", [](v1::PipeCommit* commit) { commit->mutable_creds()->set_raw("{}"); });
  add("creds that are torn", "creds.json", [](v1::PipeCommit* commit) { commit->mutable_creds()->set_json("{"); });
  add("creds without a value", "creds", [](v1::PipeCommit* commit) { commit->mutable_creds(); });
  add_set("set without type", "key.type", [](v1::KeyEntry* entry) { entry->mutable_key()->clear_type(); });
  add_set("set without id", "key.id", [](v1::KeyEntry* entry) { entry->mutable_key()->clear_id(); });
  add_set("set without key", "key.type", [](v1::KeyEntry* entry) { entry->clear_key(); });
  add_set("set without value", "value", [](v1::KeyEntry* entry) { entry->clear_value(); });
  add_set("set of torn JSON", "value.json", [](v1::KeyEntry* entry) { entry->mutable_value()->set_json("{"); });
  add_set("set of a long value", "value.raw",
          [](v1::KeyEntry* entry) { entry->mutable_value()->set_raw(std::string(kMaxValueBytes + 1, 'x')); });
  add_set("set of a key twice", "key.id", [](v1::KeyEntry* entry) { entry->mutable_key()->set_id("1"); });
  add("delete without type", "deletes[0].type", [](v1::PipeCommit* commit) { commit->add_deletes()->set_id("2"); });
  add("delete without id", "deletes[0].id", [](v1::PipeCommit* commit) { commit->add_deletes()->set_type("t"); });
  add("delete of a key that is set", "deletes[0].id", [](v1::PipeCommit* commit) {
    commit->add_deletes()->set_type("t");
    commit->mutable_deletes(0)->set_id("1");
  });
  add("too many operations", "sets", [](v1::PipeCommit* commit) {
    for (std::size_t i = 0; i < kMaxCommitOperations; ++i) commit->add_deletes();
  });
  add("values together too long", "sets[4].value", [](v1::PipeCommit* commit) {
    for (int i = 2; i < 7; ++i) {
      v1::KeyEntry* const entry = commit->add_sets();
      entry->mutable_key()->set_type("t");
      entry->mutable_key()->set_id(absl::StrCat(i));
      entry->mutable_value()->set_raw(std::string(kMaxValueBytes, 'x'));
    }
  });
}

TEST(PipeOperationTest, TheFieldAtFaultIsNamed) {
  std::vector<BadOperation> table = {{"no operation", send::On(1, 1), "operation"}};
  AddSessionIds(&table);
  AddLeases(&table);
  AddGets(&table);
  AddCommits(&table);
  for (const BadOperation& bad : table) {
    SCOPED_TRACE(bad.name);
    const auto taken = TakeOperations(send::Message({send::Get(1, 1), bad.operation}), absl::InfiniteFuture());
    EXPECT_TRUE(absl::IsInvalidArgument(taken.status())) << taken.status();
    const std::string field = absl::StrCat("operations[1].", bad.field);
    EXPECT_EQ(FieldOf(taken.status()), field);
    EXPECT_THAT(std::string(taken.status().message()), testing::StartsWith(absl::StrCat(field, ": ")));
  }
}

TEST(PipeOperationTest, AMessageHasOperationsAndNotTooMany) {
  EXPECT_EQ(FieldOf(TakeOperations({}, absl::InfiniteFuture()).status()), "operations");
  v1::PipeRequest request;
  for (std::size_t i = 0; i < kMaxCommitOperations; ++i) *request.add_operations() = send::Get(1, i);
  const auto most = TakeOperations(v1::PipeRequest(request), absl::InfiniteFuture());
  ASSERT_TRUE(most.ok()) << most.status();
  EXPECT_EQ(most->size(), kMaxCommitOperations);
  *request.add_operations() = send::Get(1, 1);
  EXPECT_EQ(FieldOf(TakeOperations(std::move(request), absl::InfiniteFuture()).status()), "operations");
}

// A message on an arena is quietly copied by whoever takes it by value.
TEST(PipeOperationTest, NoValueIsCopiedOnItsWayToTheBackend) {
  const std::string text = absl::StrCat("\"", std::string(1000, 'v'), "\"");
  google::protobuf::Arena arena;
  auto& request = *google::protobuf::Arena::CreateMessage<v1::PipeRequest>(&arena);
  v1::PipeOperation commit_of_json = send::Commit(1, 1, 1, "");
  commit_of_json.mutable_commit()->mutable_sets(0)->mutable_value()->set_json(text);
  ASSERT_TRUE(request.ParseFromString(send::Message({commit_of_json}).SerializeAsString()));
  const std::string& sent = request.operations(0).commit().sets(0).value().json();
  ASSERT_EQ(sent, text);
  const char* const bytes = sent.data();

  const auto taken = TakeOperations(std::move(request), absl::InfiniteFuture());
  ASSERT_TRUE(taken.ok()) << taken.status();
  const storage::Commit& commit = std::get<Commit>(taken->front().work).commit;
  EXPECT_EQ(commit.sets.at(0).value.bytes, text);
  EXPECT_EQ(static_cast<const void*>(commit.sets.at(0).value.bytes.data()), static_cast<const void*>(bytes));
}

TEST(PipeOperationTest, AnAttachWithAFenceResumesAndDoesNotSteal) {
  v1::PipeOperation attach = send::Steal(1, 1, "s", "me");
  attach.mutable_attach()->set_fence(4);
  const auto taken = TakeOperations(send::Message({attach}), absl::InfiniteFuture());
  ASSERT_TRUE(taken.ok()) << taken.status();
  const storage::LeaseRequest& request = std::get<Attach>(taken->front().work).request;
  EXPECT_EQ(request.action, storage::LeaseRequest::Action::kRenew);
  EXPECT_EQ(request.fence, 4U);
  EXPECT_FALSE(request.steal);
}

TEST(PipeOperationTest, WhatItTakesUpIsAtLeastWhatWasSent) {
  const v1::PipeOperation commit = send::Commit(1, 1, 1, std::string(100'000, 'x'));
  const auto taken = TakeOperations(send::Message({commit}), absl::InfiniteFuture());
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_GE(taken->front().bytes, commit.ByteSizeLong());
}

}  // namespace
}  // namespace authstate::server::pipe

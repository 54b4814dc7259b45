#include "server/handlers/request_validation.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "contract/codec.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "server/handlers/request_error.h"

namespace authstate::server {
namespace {

// Leaves as many again, which is half of what every store can count.
constexpr std::uint64_t kMaxCarriedRevision = std::uint64_t{1} << 62U;

// Makes the name of a field when an error needs it, and only then.
using FieldName = absl::FunctionRef<std::string()>;

absl::Status At(FieldName field, const absl::Status& rule) {
  return rule.ok() ? rule : InvalidField(field(), rule.message());
}

absl::Status At(absl::string_view field, const absl::Status& rule) {
  return rule.ok() ? rule : InvalidField(field, rule.message());
}

// The canonical form of the value at `field`.
absl::StatusOr<Value> TakeValue(FieldName field, v1::Value* value) {
  Value taken;
  switch (value->kind_case()) {
    case v1::Value::kRaw:
      taken = {ValueKind::kRaw, std::move(*value->mutable_raw())};
      break;
    case v1::Value::kJson:
      taken = {ValueKind::kJson, std::move(*value->mutable_json())};
      break;
    case v1::Value::KIND_NOT_SET:
      return InvalidField(field(), "has neither raw nor json");
  }
  const absl::string_view kind = taken.kind == ValueKind::kRaw ? ".raw" : ".json";
  absl::StatusOr<Value> canonical = Canonicalize(std::move(taken));
  if (!canonical.ok()) return InvalidField(absl::StrCat(field(), kind), canonical.status().message());
  if (canonical->bytes.size() > kMaxValueBytes) {
    return InvalidField(absl::StrCat(field(), kind), absl::StrCat("longer than ", kMaxValueBytes, " bytes"));
  }
  return canonical;
}

// Gathers the operations of one commit and holds them to the limits that they have together.
class CommitBuilder {
 public:
  // Before Begin, and not counted as an operation: a commit of as many sets as may be can still replace all keys.
  void ClearKeys() { commit_.clear_keys = true; }

  absl::Status Begin(std::string session_id, std::size_t operations, absl::string_view operations_field) {
    absl::Status status = At("session_id", CheckSessionId(session_id));
    if (!status.ok()) return status;
    commit_.session_id = std::move(session_id);
    return BeginWithoutSession(operations, operations_field);
  }

  absl::Status BeginWithoutSession(std::size_t operations, absl::string_view operations_field) {
    if (operations == 0 && !commit_.clear_keys) return InvalidField(operations_field, "has no operation");
    if (operations > kMaxCommitOperations) {
      return InvalidField(operations_field, absl::StrCat("more than ", kMaxCommitOperations, " operations"));
    }
    names_.reserve(operations);
    commit_.sets.reserve(operations);
    return absl::OkStatus();
  }

  absl::Status SetCreds(v1::Value* value) {
    absl::StatusOr<Value> creds = TakeValue([] { return std::string("creds"); }, value);
    if (!creds.ok()) return creds.status();
    if (creds->kind != ValueKind::kJson || creds->bytes[0] != '{') return InvalidField("creds", "is no JSON object");
    commit_.creds = *std::move(creds);
    return CountBytes([] { return std::string("creds"); }, commit_.creds->bytes.size());
  }

  absl::Status Set(FieldName field, v1::KeyEntry* entry) {
    storage::KeyName name{std::move(*entry->mutable_key()->mutable_type()),
                          std::move(*entry->mutable_key()->mutable_id())};
    absl::Status status = CheckKey([&] { return absl::StrCat(field(), ".key.type"); },
                                   [&] { return absl::StrCat(field(), ".key.id"); }, name);
    if (!status.ok()) return status;
    const auto value_field = [&] { return absl::StrCat(field(), ".value"); };
    absl::StatusOr<Value> value = TakeValue(value_field, entry->mutable_value());
    if (!value.ok()) return value.status();
    status = CountBytes(value_field, value->bytes.size());
    if (!status.ok()) return status;
    commit_.sets.push_back({std::move(name), *std::move(value)});
    return absl::OkStatus();
  }

  absl::Status Delete(FieldName type_field, FieldName id_field, storage::KeyName name) {
    absl::Status status = CheckKey(type_field, id_field, name);
    if (!status.ok()) return status;
    commit_.deletes.push_back(std::move(name));
    return absl::OkStatus();
  }

  absl::Status Carry(std::uint64_t revision) {
    if (revision > kMaxCarriedRevision) {
      return InvalidField("carried_revision", absl::StrCat("more than ", kMaxCarriedRevision));
    }
    if (revision != 0) commit_.carried = storage::Commit::Carried{revision, {}};
    return absl::OkStatus();
  }

  template <typename Request>
  storage::Commit Finish(const Request& request) {
    if (request.has_expected_revision()) commit_.expected_revision = request.expected_revision();
    commit_.id = request.commit_id();
    commit_.fence = request.fence();
    return std::move(commit_);
  }

  storage::Commit FinishNumbered(std::uint64_t number) {
    commit_.number = number;
    return std::move(commit_);
  }

 private:
  absl::Status CheckKey(FieldName type_field, FieldName id_field, const storage::KeyName& name) {
    absl::Status status = At(type_field, CheckKeyType(name.type));
    if (status.ok()) status = At(id_field, CheckKeyId(name.id));
    if (!status.ok()) return status;
    if (!names_.insert(name).second) return InvalidField(id_field(), "names a key that the request names before");
    return absl::OkStatus();
  }

  absl::Status CountBytes(FieldName field, std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kMaxCommitBytes) return absl::OkStatus();
    return InvalidField(field(), absl::StrCat("the values of the commit exceed ", kMaxCommitBytes, " bytes"));
  }

  storage::Commit commit_;
  absl::flat_hash_set<storage::KeyName> names_;
  std::size_t bytes_ = 0;
};

template <typename Selections>
std::size_t CountIds(const Selections& selections) {
  std::size_t ids = 0;
  for (const auto& selection : selections) ids += static_cast<std::size_t>(selection.ids_size());
  return ids;
}

absl::Status CheckSelectionsNotEmpty(const google::protobuf::RepeatedPtrField<v1::KeySelection>& selections) {
  for (int i = 0; i < selections.size(); ++i) {
    if (selections[i].ids().empty()) return InvalidField(absl::StrCat("keys[", i, "].ids"), "empty");
  }
  return absl::OkStatus();
}

// Takes the keys that are to be read, each once.
absl::Status TakeSelections(google::protobuf::RepeatedPtrField<v1::KeySelection>* selections,
                            storage::ReadRequest* read) {
  absl::Status status = CheckSelectionsNotEmpty(*selections);
  if (!status.ok()) return status;
  const std::size_t ids = CountIds(*selections);
  if (ids > kMaxCommitOperations) return InvalidField("keys", absl::StrCat("more than ", kMaxCommitOperations, " ids"));

  read->max_bytes = kMaxCommitBytes;
  read->keys.reserve(ids);
  absl::flat_hash_set<storage::KeyName> seen;
  for (int i = 0; i < selections->size(); ++i) {
    v1::KeySelection& selection = *selections->Mutable(i);
    status = At([&] { return absl::StrCat("keys[", i, "].type"); }, CheckKeyType(selection.type()));
    if (!status.ok()) return status;
    for (int j = 0; j < selection.ids_size(); ++j) {
      status = At([&] { return absl::StrCat("keys[", i, "].ids[", j, "]"); }, CheckKeyId(selection.ids(j)));
      if (!status.ok()) return status;
      storage::KeyName name{selection.type(), std::move(*selection.mutable_ids(j))};
      if (seen.insert(name).second) read->keys.push_back(std::move(name));
    }
  }
  return absl::OkStatus();
}

template <typename Request>
std::size_t CountChanges(const Request& request) {
  return static_cast<std::size_t>(request.has_creds()) + static_cast<std::size_t>(request.sets_size()) +
         static_cast<std::size_t>(request.deletes_size());
}

// Takes what a commit changes, once the builder has begun.
template <typename Request>
absl::Status TakeChanges(Request* request, CommitBuilder* builder) {
  absl::Status status;
  if (request->has_creds()) status = builder->SetCreds(request->mutable_creds());
  for (int i = 0; status.ok() && i < request->sets_size(); ++i) {
    status = builder->Set([&] { return absl::StrCat("sets[", i, "]"); }, request->mutable_sets(i));
  }
  for (int i = 0; status.ok() && i < request->deletes_size(); ++i) {
    v1::Key& key = *request->mutable_deletes(i);
    status = builder->Delete([&] { return absl::StrCat("deletes[", i, "].type"); },
                             [&] { return absl::StrCat("deletes[", i, "].id"); },
                             {std::move(*key.mutable_type()), std::move(*key.mutable_id())});
  }
  return status;
}

// A commit of an action that names nothing but its session.
template <typename Request>
absl::StatusOr<storage::Commit> ValidateBare(Request request, storage::Commit::Action action) {
  absl::Status status = At("session_id", CheckSessionId(request.session_id()));
  if (!status.ok()) return status;
  storage::Commit commit;
  commit.session_id = std::move(*request.mutable_session_id());
  commit.action = action;
  if (request.has_expected_revision()) commit.expected_revision = request.expected_revision();
  commit.id = request.commit_id();
  commit.fence = request.fence();
  return commit;
}

}  // namespace

absl::StatusOr<storage::ReadRequest> Validate(v1::GetCredsRequest request) {
  absl::Status status = At("session_id", CheckSessionId(request.session_id()));
  if (!status.ok()) return status;
  storage::ReadRequest read;
  read.session_id = std::move(*request.mutable_session_id());
  read.want_creds = true;
  read.fence = request.fence();
  return read;
}

absl::StatusOr<storage::ReadRequest> Validate(v1::GetKeysRequest request) {
  absl::Status status = At("session_id", CheckSessionId(request.session_id()));
  if (!status.ok()) return status;
  if (request.keys().empty()) return InvalidField("keys", "empty");
  storage::ReadRequest read;
  status = TakeSelections(request.mutable_keys(), &read);
  if (!status.ok()) return status;
  read.session_id = std::move(*request.mutable_session_id());
  read.fence = request.fence();
  return read;
}

absl::StatusOr<storage::ReadRequest> Validate(v1::PipeGet&& request) {
  storage::ReadRequest read;
  absl::Status status = TakeSelections(request.mutable_keys(), &read);
  if (!status.ok()) return status;
  read.want_creds = request.creds();
  return read;
}

absl::StatusOr<storage::Commit> Validate(v1::SetCredsRequest request) {
  CommitBuilder builder;
  absl::Status status = builder.Begin(std::move(*request.mutable_session_id()), 1, "creds");
  if (status.ok()) status = builder.SetCreds(request.mutable_creds());
  if (!status.ok()) return status;
  return builder.Finish(request);
}

absl::StatusOr<storage::Commit> Validate(v1::DeleteCredsRequest request) {
  return ValidateBare(std::move(request), storage::Commit::Action::kDeleteCreds);
}

absl::StatusOr<storage::Commit> Validate(v1::SetKeysRequest request) {
  CommitBuilder builder;
  absl::Status status = builder.Begin(std::move(*request.mutable_session_id()), request.keys().size(), "keys");
  for (int i = 0; status.ok() && i < request.keys_size(); ++i) {
    status = builder.Set([&] { return absl::StrCat("keys[", i, "]"); }, request.mutable_keys(i));
  }
  if (!status.ok()) return status;
  return builder.Finish(request);
}

absl::StatusOr<storage::Commit> Validate(v1::DeleteKeysRequest request) {
  CommitBuilder builder;
  absl::Status status = builder.Begin(std::move(*request.mutable_session_id()), CountIds(request.keys()), "keys");
  if (status.ok()) status = CheckSelectionsNotEmpty(request.keys());
  for (int i = 0; status.ok() && i < request.keys_size(); ++i) {
    v1::KeySelection& selection = *request.mutable_keys(i);
    for (int j = 0; status.ok() && j < selection.ids_size(); ++j) {
      status = builder.Delete([&] { return absl::StrCat("keys[", i, "].type"); },
                              [&] { return absl::StrCat("keys[", i, "].ids[", j, "]"); },
                              {selection.type(), std::move(*selection.mutable_ids(j))});
    }
  }
  if (!status.ok()) return status;
  return builder.Finish(request);
}

absl::StatusOr<storage::Commit> Validate(v1::CommitRequest request) {
  CommitBuilder builder;
  if (request.clear_keys()) builder.ClearKeys();
  absl::Status status = builder.Begin(std::move(*request.mutable_session_id()), CountChanges(request), "commit");
  if (status.ok()) status = TakeChanges(&request, &builder);
  if (status.ok()) status = builder.Carry(request.carried_revision());
  if (!status.ok()) return status;
  return builder.Finish(request);
}

absl::StatusOr<storage::Commit> Validate(v1::PipeCommit&& request) {
  if (request.number() == 0) return InvalidField("number", "is 0; the first commit under a fence has 1");
  CommitBuilder builder;
  if (request.clear_keys()) builder.ClearKeys();
  absl::Status status = builder.BeginWithoutSession(CountChanges(request), "sets");
  if (status.ok()) status = TakeChanges(&request, &builder);
  if (!status.ok()) return status;
  return builder.FinishNumbered(request.number());
}

absl::StatusOr<storage::Commit> Validate(v1::DeleteSessionRequest request) {
  return ValidateBare(std::move(request), storage::Commit::Action::kDeleteSession);
}

}  // namespace authstate::server

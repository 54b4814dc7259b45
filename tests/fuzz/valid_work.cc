#include "tests/fuzz/valid_work.h"

#include <cstddef>
#include <set>
#include <string>
#include <utility>

#include "contract/codec.h"
#include "contract/limits.h"
#include "contract/names.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

using Names = std::set<std::pair<std::string, std::string>>;

void CheckSession(const std::string& session_id, Session session) {
  Hold(session == Session::kNamed ? CheckSessionId(session_id).ok() : session_id.empty(), "the session's id is one");
}

void CheckName(const storage::KeyName& name) {
  Hold(CheckKeyType(name.type).ok() && CheckKeyId(name.id).ok(), "keys have names of the contract");
}

void CheckValue(const Value& value) {
  Hold(value.bytes.size() <= kMaxValueBytes, "values are within their limit");
  const absl::StatusOr<Value> canonical = Canonicalize(value);
  Hold(canonical.ok() && *canonical == value, "values are canonical");
}

}  // namespace

void CheckWork(const storage::Commit& commit, Session session) {
  CheckSession(commit.session_id, session);
  if (commit.creds.has_value()) CheckValue(*commit.creds);
  Names names;
  for (const storage::KeyWrite& key : commit.sets) {
    CheckName(key.name);
    CheckValue(key.value);
    Hold(names.emplace(key.name.type, key.name.id).second, "no key is written twice");
  }
  for (const storage::KeyName& name : commit.deletes) {
    CheckName(name);
    Hold(names.emplace(name.type, name.id).second, "no key is written and deleted");
  }
  Hold(commit.sets.size() + commit.deletes.size() <= kMaxCommitOperations, "commits are within their limit");
}

void CheckWork(const storage::ReadRequest& read, Session session) {
  CheckSession(read.session_id, session);
  Names names;
  for (const storage::KeyName& name : read.keys) {
    CheckName(name);
    Hold(names.emplace(name.type, name.id).second, "no key is read twice");
  }
}

void CheckWork(const storage::LeaseRequest& request, Session session) { CheckSession(request.session_id, session); }

}  // namespace authstate::fuzz

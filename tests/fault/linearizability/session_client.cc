#include "tests/fault/linearizability/session_client.h"

#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "tests/fault/linearizability/stored_value.h"

namespace authstate::test {
namespace {

// The answer to a call is worth waiting for this long; none is tried again by the client itself.
constexpr absl::Duration kDeadline = absl::Milliseconds(800);
// How near stores are named as owners.
constexpr absl::string_view kHomePrefix = "home:";

client::KeyName Key(int index) { return {kKeyType, KeyId(index)}; }

// Creds have to be JSON.
Value KeyValue(const std::string& value) { return {ValueKind::kRaw, StoredValue(value)}; }
Value CredsValue(const std::string& value) { return {ValueKind::kJson, absl::StrCat(R"({"v":")", value, R"("})")}; }

bool OneIn(int chances, std::mt19937_64& random) { return std::uniform_int_distribution<int>(1, chances)(random) == 1; }

}  // namespace

bool IsElsewhere(const absl::Status& status) {
  return absl::StartsWith(client::OwnerOf(status).value_or(""), kHomePrefix);
}

std::string KeyId(int index) { return absl::StrCat("key", index); }

SessionClient::SessionClient(int number, std::string session, RoundContext* context)
    : number_(number), session_(std::move(session)), context_(context), turn_(static_cast<std::size_t>(number)) {
  servers_.reserve(context->addresses.size());
  for (const std::string& address : context->addresses) {
    client::ClientOptions options;
    options.address = address;
    options.deadline = kDeadline;
    options.load_deadline = kDeadline;
    options.patience = absl::ZeroDuration();
    servers_.push_back(std::make_unique<client::Client>(std::move(options)));
  }
}

void SessionClient::MoveOn() { ++turn_; }

Operation SessionClient::Begin(std::string op, std::size_t turn) const {
  Operation operation;
  operation.client = number_;
  operation.session = session_;
  operation.op = std::move(op);
  context_->AskedOf(turn % servers_.size(), &operation);
  operation.called = History::Now();
  return operation;
}

absl::Status SessionClient::End(Operation operation, const absl::Status& status, bool mutation) {
  SetResult(status, mutation, &operation);
  context_->history.Add(std::move(operation), status);
  return status;
}

absl::StatusOr<std::uint64_t> SessionClient::Acquire(const std::string& owner, bool steal) {
  Operation operation = Begin("acquire");
  operation.args = {{"owner", owner}, {"ttl", absl::ToInt64Nanoseconds(context_->ttl)}, {"steal", steal}};
  const auto lease = server().AcquireLease(session_, owner, context_->ttl, steal);
  if (lease.ok()) operation.reply = {{"fence", lease->fence}, {"owner", lease->owner}};
  if (absl::Status ended = End(std::move(operation), lease.status(), true); !ended.ok()) return ended;
  return lease->fence;
}

absl::Status SessionClient::Renew(std::uint64_t fence) {
  Operation operation = Begin("renew");
  operation.args = {{"fence", fence}, {"ttl", absl::ToInt64Nanoseconds(context_->ttl)}};
  const auto lease = server().RenewLease(session_, fence, context_->ttl);
  if (lease.ok()) operation.reply = {{"fence", lease->fence}, {"owner", lease->owner}};
  return End(std::move(operation), lease.status(), true);
}

absl::Status SessionClient::Release(std::uint64_t fence) {
  Operation operation = Begin("release");
  operation.args = {{"fence", fence}};
  return End(std::move(operation), server().ReleaseLease(session_, fence), true);
}

absl::Status SessionClient::GetLease() {
  Operation operation = Begin("lease");
  const auto lease = server().GetLease(session_);
  if (lease.ok()) {
    operation.reply = {{"fence", lease->fence},
                       {"owner", lease->owner},
                       {"live", !lease->owner.empty() && lease->remaining > absl::ZeroDuration()}};
  }
  return End(std::move(operation), lease.status(), false);
}

absl::Status SessionClient::Commit(std::uint64_t fence, const std::string& value, std::mt19937_64& random) {
  if (sent_twice_.has_value() && OneIn(4, random)) {
    ++context_->duplicates;
    (void)Send(*sent_twice_, turn_);
  }
  Prepared commit = Prepare(fence, value, random);
  if (!OneIn(8, random)) return Send(commit, turn_);

  // The history names the id of a commit only where it matters.
  commit.request.commit_id = random();
  commit.args["id"] = commit.request.commit_id;
  ++context_->duplicates;
  std::thread duplicate([this, &commit] { (void)Send(commit, turn_ + 1); });
  absl::Status status = Send(commit, turn_);
  duplicate.join();
  sent_twice_ = std::move(commit);
  return status;
}

SessionClient::Prepared SessionClient::Prepare(std::uint64_t fence, const std::string& value,
                                               std::mt19937_64& random) const {
  Prepared commit;
  commit.request.session_id = session_;
  commit.request.fence = fence;
  nlohmann::json sets = nlohmann::json::object();
  nlohmann::json deletes = nlohmann::json::array();
  for (int i = 0; i < kKeys; ++i) {
    if (i > 0 && OneIn(8, random)) {
      commit.request.deletes.push_back(Key(i));
      deletes.push_back(KeyId(i));
    } else if (i == 0 || OneIn(2, random)) {
      commit.request.sets.push_back({Key(i), KeyValue(value)});
      sets[KeyId(i)] = value;
    }
  }
  if (OneIn(3, random)) {
    commit.request.creds = CredsValue(value);
    sets["creds"] = commit.request.creds->bytes;
  }
  commit.args = {{"fence", fence}, {"sets", std::move(sets)}, {"deletes", std::move(deletes)}};
  return commit;
}

absl::Status SessionClient::Send(const Prepared& commit, std::size_t turn) {
  Operation operation = Begin("commit", turn);
  operation.args = commit.args;
  const auto revision = servers_[turn % servers_.size()]->Commit(commit.request);
  if (revision.ok()) operation.reply = {{"revision", *revision}};
  return End(std::move(operation), revision.status(), true);
}

absl::Status SessionClient::Delete() {
  Operation operation = Begin("delete");
  const auto revision = server().DeleteSession(session_);
  if (revision.ok()) operation.reply = {{"revision", *revision}};
  return End(std::move(operation), revision.status(), true);
}

absl::Status SessionClient::ReadKeys(std::uint64_t fence) {
  Operation operation = Begin("read");
  operation.args = {{"fence", fence}};
  std::vector<client::KeyName> names;
  names.reserve(kKeys);
  for (int i = 0; i < kKeys; ++i) names.push_back(Key(i));
  const auto keys = server().GetKeys(session_, names, fence);
  if (keys.ok()) {
    nlohmann::json values = nlohmann::json::object();
    for (const client::KeyName& name : keys->absent) values[name.id] = nullptr;
    for (const client::KeyEntry& entry : keys->found) values[entry.name.id] = NameOfStoredValue(entry.value.bytes);
    operation.reply = {{"revision", keys->revision}, {"values", std::move(values)}};
  }
  return End(std::move(operation), keys.status(), false);
}

absl::Status SessionClient::Load(bool settled) {
  Operation operation = Begin("read");
  if (settled) operation.args["settled"] = true;
  nlohmann::json values = {{"creds", nullptr}};
  for (int i = 0; i < kKeys; ++i) values[KeyId(i)] = nullptr;
  std::uint64_t revision = 0;
  absl::Status status = server().LoadSession(session_, 0, [&](const client::SessionPage& page) {
    revision = page.revision;
    if (page.creds.has_value()) values["creds"] = page.creds->bytes;
    for (const client::KeyEntry& entry : page.keys) values[entry.name.id] = NameOfStoredValue(entry.value.bytes);
    return absl::OkStatus();
  });
  // That there is no session is an answer, not a failure.
  const bool exists = status.ok();
  if (client::ReasonOf(status) == "NO_SESSION") {
    if (const auto at_revision = client::RevisionOf(status)) revision = *at_revision;
    status = absl::OkStatus();
  }
  if (status.ok()) operation.reply = {{"revision", revision}, {"exists", exists}, {"values", std::move(values)}};
  return End(std::move(operation), status, false);
}

}  // namespace authstate::test

#include "tests/fault/linearizability/history.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"

namespace authstate::test {
namespace {

constexpr std::array<absl::string_view, 5> kRefusals = {"STALE_FENCE", "LEASE_HELD", "NUMBER_GAP", "REVISION_MISMATCH",
                                                        "NO_SESSION"};

bool IsRefusal(const std::string& reason) {
  return std::find(kRefusals.begin(), kRefusals.end(), reason) != kRefusals.end();
}

// What outages look like to a caller.
bool IsExcusable(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

// gRPC had no connection to send on: no server has seen the request.
bool IsNeverSent(const absl::Status& status) {
  return absl::IsUnavailable(status) && absl::StrContains(status.message(), "failed to connect to all addresses");
}

nlohmann::json ToJson(const Operation& operation, absl::Duration slack) {
  nlohmann::json line = {
      {"client", operation.client},   {"session", operation.session}, {"call", operation.called},
      {"return", operation.returned}, {"op", operation.op},           {"args", operation.args},
      {"result", operation.result},   {"reply", operation.reply},
  };
  if (!operation.reason.empty()) line["reason"] = operation.reason;
  if (operation.at != 0) {
    line["at"] = operation.at;
    line["near"] = operation.near;
  }
  if (slack != absl::ZeroDuration()) line["slack"] = absl::ToInt64Nanoseconds(slack);
  return line;
}

}  // namespace

void SetResult(const absl::Status& status, bool mutation, Operation* operation) {
  if (status.ok()) {
    operation->result = "ok";
    return;
  }
  const std::string reason = client::ReasonOf(status).value_or("");
  // A release that the server itself repeated may be refused because the first try was not.
  if (IsRefusal(reason) && (!mutation || client::OutcomeOf(status) != client::Outcome::kUnknown)) {
    operation->result = "refused";
    operation->reason = reason;
    if (const auto fence = client::FenceOf(status)) operation->reply["fence"] = *fence;
    if (const auto owner = client::OwnerOf(status)) operation->reply["owner"] = *owner;
    if (const auto revision = client::RevisionOf(status)) operation->reply["revision"] = *revision;
  } else if (!mutation || IsNeverSent(status) || client::OutcomeOf(status) == client::Outcome::kNotApplied) {
    operation->result = "failed";
  } else {
    operation->result = "unknown";
  }
}

std::int64_t History::Now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void History::Add(Operation operation, const absl::Status& status) {
  operation.returned = Now();
  const bool settled = operation.result == "ok" || IsRefusal(client::ReasonOf(status).value_or(""));
  const absl::MutexLock lock(&mutex_);
  if (!settled && !IsExcusable(status)) {
    inexcusable_.push_back(absl::StrCat(operation.session, ": ", operation.op, ": ", status.ToString()));
  }
  operations_.push_back(std::move(operation));
}

void History::LetLeasesLiveOn(absl::Duration longer) {
  const absl::MutexLock lock(&mutex_);
  slack_ += longer;
}

absl::Status History::WriteTo(const std::string& path) const {
  std::ofstream file(path);
  const absl::MutexLock lock(&mutex_);
  for (const Operation& operation : operations_) file << ToJson(operation, slack_).dump() << '\n';
  file.close();
  return file ? absl::OkStatus() : absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

std::size_t History::Count(absl::string_view result) const {
  const absl::MutexLock lock(&mutex_);
  return static_cast<std::size_t>(std::count_if(
      operations_.begin(), operations_.end(), [&](const Operation& operation) { return operation.result == result; }));
}

std::size_t History::CountTakeOvers() const {
  const absl::MutexLock lock(&mutex_);
  std::map<std::string, std::set<std::uint64_t>> fences;
  for (const Operation& operation : operations_) {
    if (operation.op != "acquire" || operation.result != "ok") continue;
    fences[operation.session].insert(operation.reply.at("fence").get<std::uint64_t>());
  }
  std::size_t take_overs = 0;
  for (const auto& [session, acquired] : fences) take_overs += acquired.size() - 1;
  return take_overs;
}

std::vector<std::string> History::inexcusable() const {
  const absl::MutexLock lock(&mutex_);
  return inexcusable_;
}

}  // namespace authstate::test

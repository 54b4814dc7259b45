#include "client/cli/import_plan.h"

#include <nlohmann/json.hpp>

#include "absl/algorithm/container.h"
#include "client/cli/terminal/output.h"

namespace authstate::cli {
namespace {

// Counts what a commit holds.
class Fill {
 public:
  explicit Fill(const CommitLimits& limits) : limits_(limits) {}

  // Whether a value of so many bytes still fits; if so, counts it.
  bool Take(std::size_t bytes) {
    if (operations_ + 1 > limits_.operations || bytes_ + bytes > limits_.bytes) return false;
    ++operations_;
    bytes_ += bytes;
    return true;
  }

 private:
  CommitLimits limits_;
  std::size_t operations_ = 0;
  std::size_t bytes_ = 0;
};

bool FitsOneCommit(const Folder& folder, const CommitLimits& limits) {
  Fill fill(limits);
  return absl::c_all_of(folder.keys,
                        [&](const client::KeyEntry& entry) { return fill.Take(entry.value.bytes.size()); }) &&
         (!folder.creds.has_value() || fill.Take(folder.creds->bytes.size()));
}

}  // namespace

client::KeyEntry UnfinishedMark(absl::string_view origin) {
  return {{"import", "unfinished"}, {ValueKind::kJson, ToText(Json(std::string(origin)))}};
}

std::vector<client::CommitRequest> CommitsOf(const std::string& session_id, const std::vector<client::KeyEntry>& keys,
                                             const std::optional<Value>& creds, const CommitLimits& limits) {
  std::vector<client::CommitRequest> commits;
  Fill fill(limits);
  const auto begin_commit = [&] {
    fill = Fill(limits);
    commits.emplace_back().session_id = session_id;
  };
  begin_commit();
  for (const client::KeyEntry& entry : keys) {
    if (!fill.Take(entry.value.bytes.size())) {
      begin_commit();
      // A commit of its own holds any one value.
      (void)fill.Take(entry.value.bytes.size());
    }
    commits.back().sets.push_back(entry);
  }
  if (creds.has_value()) {
    if (!fill.Take(creds->bytes.size())) begin_commit();
    commits.back().creds = creds;
  }
  return commits;
}

ImportPlan PlanImport(const std::string& session_id, const Folder& folder, absl::string_view origin,
                      const ImportGround& ground, CommitLimits limits) {
  const client::KeyEntry mark = UnfinishedMark(origin);
  const bool several = !FitsOneCommit(folder, limits);
  if (several) {
    // Room for the mark, in every commit as that is simpler.
    --limits.operations;
    limits.bytes -= mark.value.bytes.size();
  }
  ImportPlan plan;
  plan.commits = CommitsOf(session_id, folder.keys, folder.creds, limits);
  plan.commits.front().clear_keys = ground.replaces;
  plan.delete_creds_first = ground.has_creds && (folder.creds.has_value() ? several : !ground.keeps_creds);
  if (several) {
    plan.commits.front().sets.push_back(mark);
    plan.commits.back().deletes.push_back(mark.name);
  }
  return plan;
}

}  // namespace authstate::cli

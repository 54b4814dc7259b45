#include "client/cli/import_plan.h"

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

}  // namespace

ImportPlan PlanImport(const std::string& session_id, const Folder& folder, bool replaces, bool has_creds, bool has_keys,
                      const CommitLimits& limits) {
  ImportPlan plan;
  Fill fill(limits);
  const auto begin_commit = [&] {
    fill = Fill(limits);
    plan.commits.emplace_back().session_id = session_id;
  };
  begin_commit();
  plan.commits.back().clear_keys = replaces;
  for (const client::KeyEntry& entry : folder.keys) {
    if (!fill.Take(entry.value.bytes.size())) {
      begin_commit();
      // A commit of its own holds any one value.
      (void)fill.Take(entry.value.bytes.size());
    }
    plan.commits.back().sets.push_back(entry);
  }
  if (folder.creds.has_value()) {
    if (!fill.Take(folder.creds->bytes.size())) begin_commit();
    plan.commits.back().creds = folder.creds;
    plan.delete_creds_first = has_creds && plan.commits.size() > 1;
    plan.mark_first = plan.delete_creds_first && !has_keys;
  }
  return plan;
}

}  // namespace authstate::cli

#include "storage/decorators/session_comparison.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/decorators/session_digest.h"
#include "storage/error.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kListPage = 1000;

using Summaries = std::map<std::string, SessionSummary>;

absl::StatusOr<Summaries> ListAll(Backend& backend, absl::Time deadline) {
  Summaries all;
  ListRequest request;
  request.limit = kListPage;
  while (true) {
    auto page = AwaitCall<absl::StatusOr<std::vector<SessionSummary>>>(
        [&](auto done) { backend.List(request, deadline, std::move(done)); });
    if (!page.ok()) return page.status();
    for (SessionSummary& summary : *page) all[summary.session_id] = std::move(summary);
    if (page->size() < kListPage) return all;
    request.after = all.rbegin()->first;
  }
}

// The same on both databases at once, as the way to each takes its time.
template <typename Ask>
auto AskBoth(Backend& source, Backend& target, Ask ask) {
  auto of_target = std::async(std::launch::async, [&] { return ask(target); });
  auto of_source = ask(source);
  return std::make_pair(std::move(of_source), of_target.get());
}

std::string DifferenceOf(const SessionDigest& source, const SessionDigest& target) {
  if (source.SameContent(target)) return "";
  if (!target.exists) return "is missing on the target";
  if (!source.exists) return "is on the target only";
  std::vector<std::string> parts;
  if (source.has_creds && !target.has_creds) {
    parts.emplace_back("has no creds on the target");
  } else if (!source.has_creds && target.has_creds) {
    parts.emplace_back("has creds on the target only");
  } else if (source.creds != target.creds) {
    parts.emplace_back("creds differ");
  }
  if (source.key_count != target.key_count) {
    parts.push_back(absl::StrCat("has ", source.key_count, " keys, and ", target.key_count, " on the target"));
  } else if (source.keys != target.keys) {
    parts.emplace_back("keys differ");
  }
  if (source.fence != target.fence) {
    parts.push_back(absl::StrCat("is at fence ", source.fence, ", and at ", target.fence, " on the target"));
  }
  return absl::StrJoin(parts, "; ");
}

}  // namespace

bool SessionComparison::Same(const SessionSummary& a, const SessionSummary& b) {
  return a.session_id == b.session_id && a.revision == b.revision && a.has_creds == b.has_creds &&
         a.key_count == b.key_count && a.update_time == b.update_time && a.lease.fence == b.lease.fence;
}

absl::StatusOr<SessionComparison::Finding> SessionComparison::Compare(const std::string& session_id,
                                                                      const Standing& standing, absl::Time deadline) {
  const auto [source, target] =
      AskBoth(source_, target_, [&](Backend& backend) { return DigestSession(backend, session_id, deadline); });
  if (!source.ok()) return source.status();
  if (!target.ok()) return target.status();
  Finding finding;
  finding.standing = standing;
  finding.since = absl::Now();
  finding.difference = DifferenceOf(*source, *target);
  finding.other_revision = source->revision != target->revision;
  return finding;
}

absl::Status SessionComparison::Round(absl::Time deadline, const std::function<bool()>& cancelled,
                                      const OnCompared& on_compared) {
  const auto [source, target] = AskBoth(source_, target_, [&](Backend& backend) { return ListAll(backend, deadline); });
  if (!source.ok()) return source.status();
  if (!target.ok()) return target.status();

  std::map<std::string, Standing> standings;
  for (const auto& [session_id, summary] : *source) standings[session_id].source = summary;
  for (const auto& [session_id, summary] : *target) standings[session_id].target = summary;

  std::map<std::string, Finding> findings;
  std::vector<std::string> to_read;
  for (const auto& [session_id, standing] : standings) {
    const auto before = findings_.find(session_id);
    const bool known = before != findings_.end() && Same(before->second.standing.source, standing.source) &&
                       Same(before->second.standing.target, standing.target);
    if (known) findings[session_id] = before->second;
    if (!known || !before->second.difference.empty()) to_read.push_back(session_id);
  }
  // Whatever is not read again below counts as unknown in the next round.
  findings_ = std::move(findings);
  read_ = to_read.size();

  std::size_t compared = 0;
  for (const std::string& session_id : to_read) {
    on_compared(compared++, to_read.size());
    if (cancelled()) return Error(absl::StatusCode::kCancelled, kSwitchCancelled, "the switch was given up");
    absl::StatusOr<Finding> finding = Compare(session_id, standings[session_id], deadline);
    if (!finding.ok()) return finding.status();
    const auto before = findings_.find(session_id);
    if (before != findings_.end()) {
      finding->since = before->second.since;
      finding->rounds = before->second.rounds + 1;
    }
    findings_[session_id] = *std::move(finding);
  }
  on_compared(compared, to_read.size());
  return absl::OkStatus();
}

std::size_t SessionComparison::equal_sessions() const {
  return static_cast<std::size_t>(std::count_if(findings_.begin(), findings_.end(),
                                                [](const auto& entry) { return entry.second.difference.empty(); }));
}

std::size_t SessionComparison::other_revisions() const {
  return static_cast<std::size_t>(std::count_if(findings_.begin(), findings_.end(), [](const auto& entry) {
    return entry.second.difference.empty() && entry.second.other_revision;
  }));
}

std::vector<SessionDifference> SessionComparison::Differences() const {
  std::vector<SessionDifference> differences;
  for (const auto& [session_id, finding] : findings_) {
    if (!finding.difference.empty()) differences.push_back({session_id, finding.difference});
  }
  return differences;
}

std::vector<SessionDifference> SessionComparison::LastingDifferences(absl::Time since) const {
  std::vector<SessionDifference> differences;
  for (const auto& [session_id, finding] : findings_) {
    if (finding.difference.empty() || finding.rounds < 2 || finding.since > since) continue;
    differences.push_back({session_id, finding.difference});
  }
  return differences;
}

}  // namespace authstate::storage

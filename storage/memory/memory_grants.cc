#include "storage/memory/memory_grants.h"

#include <utility>

#include "storage/grants/grant_change.h"

namespace authstate::storage {

absl::StatusOr<GrantResult> MemoryGrants::Do(const GrantRequest& request, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  GrantResult result;
  result.now = now;
  absl::Status status;
  switch (request.action) {
    case GrantRequest::Action::kList:
      List(request.known_version, &result);
      break;
    case GrantRequest::Action::kNoteUses:
      NoteUses(request, now);
      break;
    case GrantRequest::Action::kCreate:
    case GrantRequest::Action::kRotate:
    case GrantRequest::Action::kRevoke:
      status = Change(request, &result);
      break;
    case GrantRequest::Action::kBeginMaintenance:
      maintenance_ = Begun(maintenance_, request.maintenance, now);
      result.maintenance = maintenance_->present;
      break;
    case GrantRequest::Action::kEndMaintenance:
      maintenance_.reset();
      break;
    case GrantRequest::Action::kGetMaintenance:
      if (maintenance_.has_value()) result.maintenance = maintenance_->present;
      break;
  }
  if (!status.ok()) return status;
  result.version = version_;
  return result;
}

std::optional<MaintenanceTerms> MemoryGrants::maintenance() const {
  const absl::MutexLock lock(&mutex_);
  return maintenance_;
}

void MemoryGrants::List(std::uint64_t known_version, GrantResult* result) const {
  if (known_version != 0 && known_version == version_) return;
  std::vector<Grant>& grants = result->grants.emplace();
  for (const auto& [id, grant] : grants_) grants.push_back(grant);
}

void MemoryGrants::NoteUses(const GrantRequest& request, absl::Time now) {
  for (const auto& [id, age] : request.uses) {
    const auto found = grants_.find(id);
    if (found != grants_.end()) (void)NoteUse(now - age, &found->second);
  }
}

absl::Status MemoryGrants::Change(const GrantRequest& request, GrantResult* result) {
  const auto found = grants_.find(request.grant.id);
  absl::StatusOr<GrantChange> change =
      storage::Change(request, found == grants_.end() ? nullptr : &found->second, result->now);
  if (!change.ok()) return change.status();
  if (change->changed) {
    version_ += VersionStep();
    grants_[request.grant.id] = change->grant;
  }
  result->grants.emplace().push_back(std::move(change->grant));
  return absl::OkStatus();
}

}  // namespace authstate::storage

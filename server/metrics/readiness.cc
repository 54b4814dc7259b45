#include "server/metrics/readiness.h"

#include "absl/strings/str_cat.h"
#include "server/connections/certificate_watch.h"
#include "server/log/audit_log.h"
#include "server/rpc/admission.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

std::string Text(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }

}  // namespace

void Readiness::SetDatabase(const absl::Status& state, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  database_ = state;
  since_ = now;
}

void Readiness::SetDraining() {
  const absl::MutexLock lock(&mutex_);
  draining_ = true;
}

bool Readiness::database_answers() const {
  const absl::MutexLock lock(&mutex_);
  return database_.ok();
}

bool Readiness::serving() const {
  const absl::MutexLock lock(&mutex_);
  return database_.ok() && !draining_;
}

absl::Time Readiness::since() const {
  const absl::MutexLock lock(&mutex_);
  return since_;
}

std::vector<Readiness::Reason> Readiness::Reasons(absl::Time now) const {
  std::vector<Reason> reasons;
  {
    const absl::MutexLock lock(&mutex_);
    if (draining_) reasons.push_back({std::string(kDraining), "the server is stopping"});
    if (!database_.ok()) {
      reasons.push_back({storage::ReasonOf(database_).value_or(std::string(storage::kDatabaseUnavailable)),
                         absl::StrCat("the database has given no good sign of life since ", Text(since_))});
    }
  }
  if (audit_ != nullptr && !audit_->Admit().ok()) {
    reasons.push_back({std::string(kAuditUnavailable), "calls are refused, as they cannot be recorded"});
  }
  if (certificates_ != nullptr && certificates_->counts().expires <= now) {
    reasons.push_back({std::string(kCertificateExpired),
                       absl::StrCat("the TLS certificate has expired at ", Text(certificates_->counts().expires))});
  }
  return reasons;
}

}  // namespace authstate::server

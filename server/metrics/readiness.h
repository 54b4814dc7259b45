#ifndef AUTHSTATE_SERVER_METRICS_READINESS_H_
#define AUTHSTATE_SERVER_METRICS_READINESS_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::server {

class AuditLog;
class CertificateWatch;

// Whether calls should be sent to this server, and why not. Thread-safe.
class Readiness {
 public:
  struct Reason {
    // As errors of calls have it, where they have one: `DATABASE_UNAVAILABLE`.
    std::string reason;
    // For people. Names no host, user or path, so that whoever may ask may know it.
    std::string message;
  };

  // Both outlive it; null: there is none.
  Readiness(const AuditLog* audit, const CertificateWatch* certificates, absl::Time now)
      : audit_(audit), certificates_(certificates), since_(now) {}

  // The database answers from now on, or does not, and why.
  void SetDatabase(const absl::Status& state, absl::Time now);
  void SetDraining();

  bool database_answers() const;
  // What health checks are told.
  bool serving() const;
  // When SetDatabase was called last; at first, when this was made.
  absl::Time since() const;
  // None where it is ready.
  std::vector<Reason> Reasons(absl::Time now) const;

 private:
  const AuditLog* const audit_;
  const CertificateWatch* const certificates_;
  mutable absl::Mutex mutex_;
  absl::Status database_ ABSL_GUARDED_BY(mutex_);
  absl::Time since_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

// Reasons that no error of a call has.
inline constexpr absl::string_view kCertificateExpired = "CERTIFICATE_EXPIRED";

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_METRICS_READINESS_H_

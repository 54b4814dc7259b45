#ifndef AUTHSTATE_SERVER_CONNECTIONS_CERTIFICATE_WATCH_H_
#define AUTHSTATE_SERVER_CONNECTIONS_CERTIFICATE_WATCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/connections/tls_material.h"

namespace authstate::server {

// Keeps what a server shows in TLS handshakes in step with its files. All of them are replaced in one step, and only by
// what CheckTlsMaterial finds good: until then the former set stays. What is bad is logged once and counted.
//
// The files are looked at from time to time. Whoever writes them one after the other, or is slow, is given time: a
// change counts once two looks in a row have seen the same. A set that is bad only now, as its time has not come, is
// taken when it has.
//
// `current` and `counts` are thread-safe; all else is for one thread.
class CertificateWatch {
 public:
  // An error as of ReadTlsMaterial and CheckTlsMaterial when the files cannot serve at `now`.
  static absl::StatusOr<std::unique_ptr<CertificateWatch>> Create(TlsFiles files, absl::Time now);
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  const TlsFiles& files() const { return files_; }
  // What is in force; the same object until that changes.
  std::shared_ptr<const TlsMaterial> current() const;

  // Reads the files; to be called once a second or so. Also warns, once, when a tenth of the certificate's time is
  // left, and when it has expired.
  void Look(absl::Time now);
  // The same because somebody says that the files are complete: a change counts at once, and what came of it is logged
  // in any case.
  void Reload(absl::Time now);

  // Once other files have been taken, Look and Reload call `listener`, in place of the former one. Null: none. While
  // it fails it does not show them yet: that is logged and counted as a refusal once, and each Look calls it again.
  void OnReplaced(std::function<absl::Status()> listener) { on_replaced_ = std::move(listener); }

  struct Counts {
    // When the certificate that is shown now expires.
    absl::Time expires;
    // Sets that were taken in the place of another, and refused, by this or by who shows them.
    std::uint64_t replaced = 0;
    std::uint64_t refused = 0;
  };
  Counts counts() const;

 private:
  using Seen = absl::StatusOr<TlsMaterial>;

  CertificateWatch(TlsFiles files, TlsMaterial material, Validity validity);

  void Take(TlsMaterial material, Validity validity) ABSL_LOCKS_EXCLUDED(mutex_);
  void Refuse(const Seen& seen, const absl::Status& why);
  // Has the listener show what is in force.
  void Show();
  void WarnOfExpiry(absl::Time now);

  const TlsFiles files_;
  // What the last look saw, and what was last refused.
  std::optional<Seen> seen_;
  std::optional<Seen> bad_;
  absl::Time warn_at_;
  std::function<absl::Status()> on_replaced_;
  // Whether the listener has failed to show what is in force.
  bool show_failed_ = false;
  mutable absl::Mutex mutex_;
  Counts counts_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const TlsMaterial> current_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_CONNECTIONS_CERTIFICATE_WATCH_H_

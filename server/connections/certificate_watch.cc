#include "server/connections/certificate_watch.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

// The part of its time that is left when a certificate should have been replaced: nine days where it lives 90.
constexpr int kLastPart = 10;

std::string Text(absl::Time time) { return absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone()); }

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateWatch>> CertificateWatch::Create(TlsFiles files, absl::Time now) {
  absl::StatusOr<TlsMaterial> material = ReadTlsMaterial(files);
  if (!material.ok()) return material.status();
  const absl::StatusOr<Validity> validity = CheckTlsMaterial(files, *material, now);
  if (!validity.ok()) return validity.status();
  return std::unique_ptr<CertificateWatch>(new CertificateWatch(std::move(files), *std::move(material), *validity));
}

CertificateWatch::CertificateWatch(TlsFiles files, TlsMaterial material, Validity validity) : files_(std::move(files)) {
  Take(std::move(material), validity);
  Log(LogLevel::kInfo, "TLS certificate in force",
      {{"expires", Text(counts().expires)},
       {"client_certificates", files_.client_ca.empty() ? "not asked for" : "required"}});
}

std::shared_ptr<const TlsMaterial> CertificateWatch::current() const {
  const absl::MutexLock lock(&mutex_);
  return current_;
}

CertificateWatch::Counts CertificateWatch::counts() const {
  const absl::MutexLock lock(&mutex_);
  return counts_;
}

void CertificateWatch::Look(absl::Time now) {
  if (show_failed_) Show();
  Seen seen = ReadTlsMaterial(files_);
  const bool settled = seen_ == seen;
  seen_ = seen;
  if (seen.ok() && *seen == *current()) {
    bad_.reset();
  } else if (settled) {
    const absl::StatusOr<Validity> validity =
        seen.ok() ? CheckTlsMaterial(files_, *seen, now) : absl::StatusOr<Validity>(seen.status());
    if (validity.ok()) {
      Take(*std::move(seen), *validity);
      {
        const absl::MutexLock lock(&mutex_);
        ++counts_.replaced;
      }
      show_failed_ = false;
      Show();
      Log(LogLevel::kInfo, "TLS certificate replaced",
          {{"replaced_so_far", absl::StrCat(counts().replaced)}, {"expires", Text(counts().expires)}});
    } else if (bad_ != seen) {
      Refuse(seen, validity.status());
    }
  }
  WarnOfExpiry(now);
}

void CertificateWatch::Show() {
  const absl::Status shown = on_replaced_ == nullptr ? absl::OkStatus() : on_replaced_();
  const bool failed_before = std::exchange(show_failed_, !shown.ok());
  if (shown.ok() || failed_before) return;
  {
    const absl::MutexLock lock(&mutex_);
    ++counts_.refused;
  }
  Log(LogLevel::kError, "HTTP still shows the former certificate; it is tried again",
      {{"error", std::string(shown.message())}});
}

void CertificateWatch::Reload(absl::Time now) {
  const auto before = current();
  const std::uint64_t refused_before = counts().refused;
  bad_.reset();
  seen_ = ReadTlsMaterial(files_);
  Look(now);
  if (current() == before && counts().refused == refused_before)
    Log(LogLevel::kInfo, "the TLS certificate is as it was");
}

void CertificateWatch::Take(TlsMaterial material, Validity validity) {
  bad_.reset();
  warn_at_ = validity.end - (validity.end - validity.begin) / kLastPart;
  const absl::MutexLock lock(&mutex_);
  counts_.expires = validity.end;
  current_ = std::make_shared<const TlsMaterial>(std::move(material));
}

void CertificateWatch::Refuse(const Seen& seen, const absl::Status& why) {
  bad_ = seen;
  {
    const absl::MutexLock lock(&mutex_);
    ++counts_.refused;
  }
  Log(LogLevel::kError, "new TLS files refused; the former certificate stays in force",
      {{"error", std::string(why.message())},
       {"refused_so_far", absl::StrCat(counts().refused)},
       {"expires", Text(counts().expires)}});
}

void CertificateWatch::WarnOfExpiry(absl::Time now) {
  if (now < warn_at_) return;
  const absl::Time expires = counts().expires;
  const bool expired = now >= expires;
  warn_at_ = expired ? absl::InfiniteFuture() : expires;
  Log(expired ? LogLevel::kError : LogLevel::kWarn,
      expired ? "the TLS certificate has expired: clients refuse it" : "the TLS certificate expires soon",
      {{"expires", Text(expires)}});
}

}  // namespace authstate::server

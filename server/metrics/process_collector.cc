#include <dirent.h>
#include <sys/resource.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/time/clock.h"
#include "contract/version.h"
#include "keyring/keyring.h"
#include "server/access/access_watch.h"
#include "server/connections/certificate_watch.h"
#include "server/connections/process_usage.h"
#include "server/log/audit_log.h"
#include "server/metrics/collectors.h"
#include "server/metrics/readiness.h"

namespace authstate::server {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

// nullopt where it cannot be told, as with none left to look with.
std::optional<std::uint64_t> OpenDescriptors() {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir("/proc/self/fd"));
  if (directory == nullptr) return std::nullopt;
  std::uint64_t entries = 0;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): of a stream that nobody else has
  while (readdir(directory.get()) != nullptr) ++entries;
  // Two entries are no descriptors, and one is that of the directory.
  return entries - 3;
}

double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

void CollectUsage(absl::Time started, MetricFamilies* families) {
  const ProcessUsage usage = ReadProcessUsage();
  families->Counter("process_cpu_seconds_total", "Processor time, of user and system together.")
      .Add(absl::ToDoubleSeconds(usage.processor_time));
  families->Gauge("process_resident_memory_bytes", "Resident memory.").Add(usage.memory);
  families->Gauge("process_virtual_memory_bytes", "Address space.").Add(usage.address_space);
  families->Gauge("process_start_time_seconds", "When the server began, since the Unix epoch.").Add(Seconds(started));
  if (const std::optional<std::uint64_t> open = OpenDescriptors()) {
    families->Gauge("process_open_fds", "Descriptors that are open.").Add(*open);
  }
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  families->Gauge("process_max_fds", "Descriptors that may be open.").Add(descriptors.rlim_cur);
}

}  // namespace

void CollectProcess(const Observed& server, MetricFamilies* families) {
  CollectUsage(server.started, families);
  families->Gauge("authstate_build_info", "1, with the version of the server.").Add(1, {{"version", kVersion}});
  families->Gauge("authstate_ready", "1: calls should be sent here; /readyz tells why not.")
      .Add(server.readiness->Reasons(absl::Now()).empty());
  families->Gauge("authstate_access_open", "1: nobody has been given rights, so whoever reaches the server has all.")
      .Add(server.access->current().open);
  families->Gauge("authstate_encrypting", "1: new sessions are encrypted.")
      .Add(server.keyring != nullptr && !server.keyring->active().empty());
  families->Gauge("authstate_keyring_keys", "Keys of the keyring.")
      .Add(server.keyring == nullptr ? 0 : server.keyring->ids().size());

  const AuditLog::Counts audit = server.audit == nullptr ? AuditLog::Counts() : server.audit->counts();
  families->Gauge("authstate_audit_records_waiting", "Records of the audit log that wait to be written.")
      .Add(audit.waiting);
  families->Counter("authstate_audit_records_lost_total", "Records that could not be written.").Add(audit.lost);
  families->Gauge("authstate_audit_failing", "1: the audit log could not be written, and is tried again.")
      .Add(audit.failing);

  if (server.certificates == nullptr) return;
  const CertificateWatch::Counts certificates = server.certificates->counts();
  families->Gauge("authstate_certificate_expiry_timestamp_seconds", "When the certificate that is shown expires.")
      .Add(Seconds(certificates.expires));
  families->Counter("authstate_certificate_replacements_total", "New certificates that were taken.")
      .Add(certificates.replaced);
  families->Counter("authstate_certificate_refusals_total", "New certificates that were refused; the former one stays.")
      .Add(certificates.refused);
}

}  // namespace authstate::server

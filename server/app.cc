#include "server/app.h"

#include <grpcpp/impl/codegen/service_type.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "contract/version.h"
#include "keyring/keyring.h"
#include "keyring/keyring_source.h"
#include "profiles/database_options.h"
#include "profiles/readable_files.h"
#include "server/access/access_watch.h"
#include "server/access/grant_changes.h"
#include "server/connections/certificate_watch.h"
#include "server/connections/listening_sockets.h"
#include "server/databases.h"
#include "server/exit_code.h"
#include "server/exposure.h"
#include "server/handlers/lease_handlers.h"
#include "server/health_monitor.h"
#include "server/http_port.h"
#include "server/listener.h"
#include "server/log/audit_log.h"
#include "server/log/event_log.h"
#include "server/log/lease_events.h"
#include "server/log/library_logs.h"
#include "server/log/logging.h"
#include "server/metrics/observed.h"
#include "server/metrics/readiness.h"
#include "server/pipe/budget.h"
#include "server/rpc/guard.h"
#include "server/service_manager.h"
#include "server/services/admin_service.h"
#include "server/services/auth_state_service.h"
#include "storage/backend.h"
#include "storage/deadline_timer.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

// For replies on their way when no call is under way any more, and for calls that come all the same, which are refused.
constexpr absl::Duration kGoodbye = absl::Milliseconds(250);

// How much longer than it may a stop takes before what is left of it is given up.
constexpr absl::Duration kLastWords = absl::Seconds(1);

// Those that WaitForStopSignal takes.
sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

int ExitCodeOfOpening(const absl::Status& status) {
  const auto reason = storage::ReasonOf(status);
  if (reason == storage::kSchemaUnknown) return kExitSchema;
  if (reason == storage::kDatabaseRefused) return kExitRefused;
  if (reason == storage::kKeyringMismatch) return kExitKeyring;
  return absl::IsUnavailable(status) ? kExitDatabaseAway : kExitStore;
}

int Fail(const absl::Status& status, int exit_code) {
  std::fprintf(stderr, "authstated: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

// Waits for the first stop signal. From then on a second one ends the process at once. Until then it looks at the files
// of TLS, if there are any: each second, and at once on SIGHUP, which also opens the audit log anew. And it shows the
// service manager that the server is alive.
int WaitForStopSignal(CertificateWatch* certificates, AuditLog* audit, ServiceManager* manager) {
  sigset_t signals = Signals();
  const timespec patience =
      absl::ToTimespec(std::min(manager->interval(), certificates == nullptr ? absl::Hours(1) : absl::Seconds(1)));
  while (true) {
    manager->ShowLife();
    const int signal = sigtimedwait(&signals, nullptr, &patience);
    if (signal > 0 && signal != SIGHUP) {
      sigdelset(&signals, SIGHUP);
      pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      return signal;
    }
    if (certificates != nullptr && signal == SIGHUP) certificates->Reload(absl::Now());
    if (certificates != nullptr && signal != SIGHUP) certificates->Look(absl::Now());
    if (audit != nullptr && signal == SIGHUP) audit->Reopen();
    if (certificates == nullptr && audit == nullptr && signal == SIGHUP) {
      Log(LogLevel::kInfo, "SIGHUP: there is nothing to read anew");
    }
  }
}

absl::StatusOr<std::unique_ptr<CertificateWatch>> OpenCertificates(const TlsFiles& files) {
  if (files.certificate.empty()) return nullptr;
  auto certificates = CertificateWatch::Create(files, absl::Now());
  const auto readable = profiles::WarningOfReaders("the private key", files.key);
  if (certificates.ok() && readable.has_value()) Log(LogLevel::kWarn, *readable);
  return certificates;
}

absl::StatusOr<std::shared_ptr<const Keyring>> OpenKeyring(const KeyringSource& source) {
  auto keyring = LoadKeyring(source);
  if (keyring.ok() && !source.text.empty()) {
    Log(LogLevel::kWarn,
        "the keyring is in AUTHSTATE_KEYRING, which whoever started the server still has, and may show: use "
        "--keyring-file, --keyring-command or a credential of systemd");
  }
  return keyring;
}

absl::StatusOr<std::unique_ptr<AuditLog>> OpenAudit(const Options& options) {
  if (options.audit == AuditMode::kOff) return nullptr;
  AuditOptions audit;
  audit.path = options.audit_file;
  audit.required = options.audit == AuditMode::kRequired;
  return AuditLog::Open(audit);
}

// Which database is in force, and how it is reached: for people, and by field.
void AnnounceBackend(profiles::BackendChoice choice, const storage::Description& description) {
  std::string message = absl::StrCat("Using ", profiles::TitleOf(choice), " auth state");
  if (choice != profiles::BackendChoice::kSqlite) {
    // The protocol is in the field.
    const std::vector<std::string> tls = absl::StrSplit(description.tls, ", ");
    absl::StrAppend(&message, " (layout ", description.layout, ", ",
                    description.tls.empty() ? "no TLS" : absl::StrCat("TLS ", tls.back()), ", pooler ",
                    description.pooler, ")");
  }
  Log(LogLevel::kInfo, message,
      {{"backend", description.name},
       {"location", description.location},
       {"schema_version", absl::StrCat(description.schema_version)},
       {"layout", description.layout},
       {"tls", description.tls},
       {"pooler", description.pooler}});
}

absl::StatusOr<std::unique_ptr<AccessWatch>> OpenAccess(const Options& options, storage::Backend* backend,
                                                        const Shared& shared) {
  const std::vector<ListenAddress> addresses = AddressesOf(options);
  AccessWatch::Options access;
  access.may_be_open = options.allow_insecure || std::none_of(addresses.begin(), addresses.end(), IsExposed);
  return AccessWatch::Create(backend, *shared.timer, access);
}

std::string EncryptionOf(const Keyring* keyring, const storage::Description& description) {
  if (keyring == nullptr) return "off";
  if (keyring->active().empty()) return "off for new sessions";
  return absl::StrCat("on, under the key ", keyring->active(), description.hides_key_ids ? ", key ids hidden" : "");
}

void AnnounceReady(const std::string& address, const TlsFiles& tls, bool open, const Keyring* keyring,
                   const storage::Description& description) {
  std::printf("authstated ready on %s, backend %s %s\n", address.c_str(), description.name.c_str(),
              description.location.c_str());
  std::fflush(stdout);
  Log(LogLevel::kInfo, "ready",
      {{"version", kVersion},
       {"address", address},
       {"transport", TransportOf(tls)},
       {"access", open ? "open: nobody has been given rights, so whoever reaches the address may do everything"
                       : "tokens and client certificates"},
       {"encryption", EncryptionOf(keyring, description)},
       {"backend", description.name},
       {"location", description.location},
       {"schema_version", absl::StrCat(description.schema_version)}});
}

// Ends the process where it has not ended by itself a moment after its time: a database that does not answer may keep
// what has called it. Nothing is lost by that: what was acknowledged is in the file of write-behind, and what is under
// way in the database is done as a whole or not at all.
void EndWithoutDatabase() {
  Log(LogLevel::kWarn, "stopped without waiting for the database any longer");
  StopLogging();
  std::_Exit(kExitOk);
}

int Serve(const Options& options, const Shared& shared, CertificateWatch* certificates, const Databases& databases,
          AccessWatch* access, AuditLog* audit, storage::DeadlineTimer::Deadline* end) {
  storage::Backend* const backend = databases.backend.get();
  GuardOptions guard_options;
  guard_options.audit = audit;
  guard_options.default_deadline = options.default_deadline;
  guard_options.callers.calls = options.max_calls_per_caller;
  guard_options.callers.rate = options.max_rate_per_caller;
  guard_options.max_streams = options.max_pipe_streams;
  guard_options.snapshots = [&options, backend] { return Snapshots(options, backend->Describe()); };
  Guard guard(*shared.timer, *access, guard_options);

  const absl::Time started = absl::Now();
  Readiness readiness(audit, certificates, started);
  pipe::Limits pipe_limits;
  pipe_limits.batches = Batches(options);
  const auto pipes = std::make_shared<pipe::Budget>(pipe_limits.total_bytes);
  const auto leases = std::make_shared<LeaseCounts>();
  const std::unique_ptr<storage::Backend> watched = NewGrantChanges(backend, access);
  const std::unique_ptr<storage::Backend> logged = NewEventLog(watched.get(), leases);
  const std::unique_ptr<grpc::Service> auth_state = NewAuthStateService(
      logged.get(), &guard, options.deny_steal ? Stealing::kRefused : Stealing::kAllowed, pipe_limits, pipes);
  const std::unique_ptr<grpc::Service> admin =
      NewAdminService({logged.get(), databases.targets, &guard, started, [&readiness] { return readiness.serving(); },
                       databases.write_behind, [gate = databases.maintenance] { return gate->State(); }});
  absl::StatusOr<std::unique_ptr<Listener>> created =
      Listener::Create({ListenOf(options), certificates, options.max_connection_age}, {auth_state.get(), admin.get()});
  if (!created.ok()) return Fail(created.status(), kExitListen);
  const std::unique_ptr<Listener> listener = *std::move(created);
  // Whoever changes what it depends on shows it anew, and the last one shows what is so then.
  absl::Mutex showing;
  const auto show = [&] {
    const absl::MutexLock lock(&showing);
    listener->SetServing(readiness.serving());
  };
  auto health = std::make_unique<HealthMonitor>(backend, options.health_interval, [&](const absl::Status& state) {
    readiness.SetDatabase(state, absl::Now());
    show();
  });
  Observed observed;
  observed.started = started;
  observed.address = listener->address();
  observed.transport = TransportOf(options.tls);
  observed.targets = databases.targets;
  observed.write_behind = databases.write_behind;
  observed.near = databases.near;
  observed.maintenance = [gate = databases.maintenance] { return gate->State(); };
  observed.guard = &guard;
  observed.access = access;
  observed.pipes = pipes.get();
  observed.leases = leases.get();
  observed.readiness = &readiness;
  observed.certificates = certificates;
  observed.audit = audit;
  observed.keyring = shared.keyring.get();
  const auto http = HttpPort::Open(options, observed, backend, *shared.timer);
  if (!http.ok()) return Fail(http.status(), kExitListen);
  access->Start([&guard] { guard.streams().LookAtCallers(); });
  AnnounceBackend(options.databases.backend, backend->Describe());
  AnnounceReady(listener->address(), options.tls, access->current().open, shared.keyring.get(), backend->Describe());
  ServiceManager manager(options.service_manager, *shared.timer);
  manager.Ready(absl::StrCat("serving on ", listener->address()));

  const int signal = WaitForStopSignal(certificates, audit, &manager);
  manager.Stopping();
  Log(LogLevel::kInfo, "stopping", {{"signal", absl::StrCat(signal)}});
  const absl::Time now = absl::Now();
  absl::Duration for_calls = options.drain_timeout;
  if (!options.write_behind.empty()) {
    // Calls that hang leave some time to give sessions back.
    for_calls = options.drain_timeout * 3 / 4;
    shared.stop->SetBy(now + options.drain_timeout);
    end->Set(now + options.drain_timeout + kLastWords);
  }
  // Shown at once: a sign of life under way may take seconds, and is waited for beside the calls.
  health->Stop();
  readiness.SetDraining();
  show();
  databases.targets->StopSwitching();
  databases.maintenance->StopHolding();
  guard.Drain(now + for_calls);
  health.reset();
  listener->Shutdown(absl::Now() + kGoodbye);
  access->Stop();
  Log(LogLevel::kInfo, "stopped");
  return kExitOk;
}

}  // namespace

void BlockStopSignals() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

int RunApp(Options& options) {
  StartLogging(options.log_level, options.log_format);
  RouteLibraryLogs();
  const absl::Cleanup stop_logging = [] { StopLogging(); };
  const auto readable = profiles::WarningOfConfigReaders(options.config_path);
  if (readable.has_value()) Log(LogLevel::kWarn, *readable);
  for (const ListenAddress& address : AddressesOf(options)) {
    const absl::Status checked = CheckPlainText(address, !options.tls.certificate.empty(), options.allow_insecure);
    if (!checked.ok()) return Fail(checked, absl::IsInvalidArgument(checked) ? kExitUsage : kExitListen);
  }
  const auto certificates = OpenCertificates(options.tls);
  if (!certificates.ok()) return Fail(certificates.status(), kExitTls);
  // Operations of pipes may end after the service of their streams, and no later than the backend.
  const auto audit = OpenAudit(options);
  if (!audit.ok()) return Fail(audit.status(), kExitAudit);
  Shared shared;
  auto keyring = OpenKeyring(options.keyring);
  Wipe(&options.keyring.text);
  if (!keyring.ok()) return Fail(keyring.status(), kExitKeyring);
  shared.keyring = *std::move(keyring);
  if (options.hide_key_ids && shared.keyring == nullptr) {
    return Fail(absl::InvalidArgumentError("--hide-key-ids needs a keyring: --keyring-file or --keyring-command"),
                kExitKeyring);
  }
  // Outlives the backend, whose end it is that may take long.
  storage::DeadlineTimer::Deadline end(*shared.timer, EndWithoutDatabase);
  const auto databases = OpenDatabases(options, shared);
  if (!databases.ok()) return Fail(databases.status(), ExitCodeOfOpening(databases.status()));
  const auto access = OpenAccess(options, databases->backend.get(), shared);
  if (!access.ok()) return Fail(access.status(), ExitCodeOfOpening(access.status()));
  for (const ListenAddress& address : AddressesOf(options)) {
    const absl::Status checked = CheckAccess(address, (*access)->current(), options.allow_insecure);
    if (!checked.ok()) return Fail(checked, kExitOpen);
  }
  return Serve(options, shared, certificates->get(), *databases, access->get(), audit->get(), &end);
}

}  // namespace authstate::server

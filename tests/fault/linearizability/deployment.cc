#include "tests/fault/linearizability/deployment.h"

#include <unistd.h>

#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/fault/linearizability/resealing.h"
#include "tests/support/legacy_tables.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kEndTimeout = absl::Seconds(60);
constexpr absl::Duration kAnswerTimeout = absl::Seconds(30);
// A PostgreSQL that was killed leaves children; until they have noticed, no new one can start on the same data.
constexpr int kStartTries = 200;
constexpr absl::Duration kBetweenStarts = absl::Milliseconds(50);

// Of `127.0.0.1:50123`.
std::uint16_t PortOf(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Create(const Options& options) {
  auto postgres = TestPostgres::Create();
  if (!postgres.ok()) return postgres.status();
  const auto url = (*postgres)->NewDatabase();
  if (!url.ok()) return url.status();
  if (options.legacy) {
    if (absl::Status made = CreateLegacyTables(*url, LegacyTables::kPlain); !made.ok()) return made;
  }
  std::unique_ptr<Deployment> deployment(new Deployment());
  deployment->postgres_ = *std::move(postgres);
  deployment->database_url_ = *url;
  deployment->sealed_ = options.sealed;
  if (absl::Status started = deployment->StartServers(options); !started.ok()) return started;
  return deployment;
}

absl::Status Deployment::StartServers(const Options& chosen) {
  for (Server& server : servers_) {
    auto proxy = TcpProxy::Create(postgres_->port());
    if (!proxy.ok()) return proxy.status();
    server.to_postgres = *std::move(proxy);
    auto clock = FakeClock::Create();
    if (!clock.ok()) return clock.status();
    server.clock = *std::move(clock);
    TestServer::Options options;
    options.program = "authstated_failpoints";
    options.arguments = {"--backend",
                         "postgres",
                         "--postgres-url",
                         absl::StrReplaceAll(database_url_, {{absl::StrCat(":", postgres_->port(), "/"),
                                                              absl::StrCat(":", server.to_postgres->port(), "/")}}),
                         "--health-interval-ms",
                         "200"};
    options.environment = server.clock->environment();
    options.environment.push_back(absl::StrCat("AUTHSTATE_FAILPOINT_DIR=", server.failpoints.path()));
    if (!chosen.plant.empty()) options.environment.push_back(absl::StrCat("AUTHSTATE_PLANT=", chosen.plant));
    if (chosen.sealed) {
      const char* const active = &server == servers_.data() ? "a" : "b";
      options.environment.push_back(absl::StrCat("AUTHSTATE_KEYRING=", KeyringText(active)));
    }
    auto process = TestServer::Create(std::move(options));
    if (!process.ok()) return process.status();
    server.process = *std::move(process);
    auto front = TcpProxy::Create(PortOf(server.process->address()), Protocol::kAny);
    if (!front.ok()) return front.status();
    server.to_clients = *std::move(front);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Deployment::CountPatchedValues() const {
  const auto count =
      TestPostgres::Query(database_url_, "SELECT count(*) FROM authstate.auth_keys WHERE patch IS NOT NULL");
  if (!count.ok()) return count.status();
  return std::stoi(*count);
}

std::vector<std::string> Deployment::addresses() const {
  std::vector<std::string> addresses;
  addresses.reserve(servers_.size());
  for (const Server& server : servers_) {
    addresses.push_back(absl::StrCat("127.0.0.1:", server.to_clients->port()));
  }
  return addresses;
}

void Deployment::KillServer(std::size_t server) { servers_[server].process->process().Signal(SIGKILL); }

void Deployment::StopServer(std::size_t server) { servers_[server].process->process().Signal(SIGSTOP); }

void Deployment::KillPostgres() { postgres_->process().Signal(SIGKILL); }

void Deployment::Hold(std::size_t server, Side side, Direction direction) {
  servers_[server].proxy(side).Hold(direction);
}

void Deployment::Reset(std::size_t server, Side side) { servers_[server].proxy(side).ResetAll(); }

void Deployment::SetClock(std::size_t server, absl::string_view offset) { servers_[server].clock->Set(offset); }

void Deployment::Order(std::size_t server, absl::string_view failpoint, absl::string_view action) {
  ReplaceFile(servers_[server].failpoints.File(failpoint), action);
}

absl::Status Deployment::StartPostgres() {
  // A signal may be on its way.
  if (postgres_->process().running()) {
    const auto answer = TestPostgres::Query(postgres_->url(), "SELECT 1");
    if (answer.ok()) return absl::OkStatus();
    if (auto ended = postgres_->process().Wait(kEndTimeout); !ended.ok()) return ended.status();
  }
  absl::Status started;
  for (int i = 0; i < kStartTries; ++i) {
    started = postgres_->Start();
    if (started.ok()) break;
    absl::SleepFor(kBetweenStarts);
  }
  return started;
}

absl::Status Deployment::Heal() {
  if (absl::Status started = StartPostgres(); !started.ok()) return started;
  for (Server& server : servers_) {
    for (const char* failpoint : {"before-commit", "after-commit", "before-renewal", "after-renewal", "before-reply"}) {
      (void)unlink(server.failpoints.File(failpoint).c_str());
    }
    server.clock->Set("+0");
    server.to_postgres->Resume();
    server.to_clients->Resume();
    server.process->process().Signal(SIGCONT);
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    if (absl::Status answered = AwaitAnswer(i); answered.ok()) continue;
    // It was killed, or ended by a failpoint.
    if (auto ended = servers_[i].process->process().Wait(kEndTimeout); !ended.ok()) return ended.status();
    if (absl::Status restarted = servers_[i].process->Restart(); !restarted.ok()) return restarted;
    if (absl::Status answered = AwaitAnswer(i); !answered.ok()) return answered;
  }
  return absl::OkStatus();
}

absl::Status Deployment::AwaitAnswer(std::size_t server) const {
  client::ClientOptions options;
  options.address = servers_[server].process->address();
  options.patience = absl::ZeroDuration();
  options.deadline = absl::Seconds(1);
  client::Client client(std::move(options));
  const absl::Time limit = absl::Now() + kAnswerTimeout;
  absl::Status answer;
  do {
    answer = client.GetLease("nobody").status();
    if (answer.ok()) break;
    absl::SleepFor(kBetweenStarts);
  } while (servers_[server].process->process().running() && absl::Now() < limit);
  return answer;
}

}  // namespace authstate::test

#include "tests/fault/linearizability/deployment.h"

#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <system_error>
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

constexpr char kNearFile[] = "near.db";
constexpr char kNearLog[] = "near.db-wal";

// `127.0.0.1:50123` has 50123.
std::uint16_t PortOf(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

}  // namespace

std::vector<TcpProxy*> Deployment::Server::proxies(Side side) const {
  if (side == Side::kClients) return {to_clients.get()};
  std::vector<TcpProxy*> proxies;
  for (const auto& proxy : to_postgres) proxies.push_back(proxy.get());
  return proxies;
}

absl::StatusOr<std::unique_ptr<Deployment>> Deployment::Create(const Options& options) {
  std::unique_ptr<Deployment> deployment(new Deployment());
  deployment->sealed_ = options.sealed;
  if (options.near_stores != Options::NearStores::kNone) {
    deployment->near_stores_ = {true, options.near_stores == Options::NearStores::kBoth};
  }
  if (absl::Status made = deployment->MakeDatabase(options); !made.ok()) return made;
  if (absl::Status started = deployment->StartServers(options); !started.ok()) return started;
  return deployment;
}

absl::Status Deployment::MakeDatabase(const Options& options) {
  if (options.standby) {
    auto pair = PostgresPair::Create();
    if (!pair.ok()) return pair.status();
    pair_ = *std::move(pair);
    database_url_ = pair_->url();
  } else {
    auto postgres = TestPostgres::Create();
    if (!postgres.ok()) return postgres.status();
    postgres_ = *std::move(postgres);
    const auto url = postgres_->NewDatabase();
    if (!url.ok()) return url.status();
    database_url_ = *url;
  }
  return options.legacy ? CreateLegacyTables(database_url_, LegacyTables::kPlain) : absl::OkStatus();
}

absl::StatusOr<std::string> Deployment::MakeWayToPostgres(Server* server) {
  std::vector<std::uint16_t> ports;
  if (pair_ != nullptr) {
    ports = {pair_->primary().port(), pair_->standby().port()};
  } else {
    ports = {postgres_->port()};
  }
  std::string url = database_url_;
  for (const std::uint16_t port : ports) {
    auto proxy = TcpProxy::Create(port);
    if (!proxy.ok()) return proxy.status();
    url = absl::StrReplaceAll(url, {{absl::StrCat("127.0.0.1:", port), absl::StrCat("127.0.0.1:", (*proxy)->port())}});
    server->to_postgres.push_back(*std::move(proxy));
  }
  return url;
}

absl::StatusOr<TestServer::Options> Deployment::OptionsOf(const Options& chosen, std::size_t number) {
  Server& server = servers_[number];
  const absl::StatusOr<std::string> url = MakeWayToPostgres(&server);
  if (!url.ok()) return url.status();
  TestServer::Options options;
  options.program = "authstated_failpoints";
  options.arguments = {"--backend", "postgres", "--postgres-url", *url, "--health-interval-ms", "200"};
  if (!near_stores_.empty() && near_stores_[number]) {
    // As the checker knows it by (tests/fault/checker/history.go).
    const std::string name = absl::StrCat("server", number + 1, ":1");
    options.arguments.insert(options.arguments.end(),
                             {"--write-behind", server.near_store.File(kNearFile), "--advertise", name});
  }
  if (chosen.moves) {
    const absl::StatusOr<std::vector<std::string>> others = OtherDatabases(server);
    if (!others.ok()) return others.status();
    options.arguments.insert(options.arguments.end(), others->begin(), others->end());
  }
  options.environment = server.clock->environment();
  options.environment.push_back(absl::StrCat("AUTHSTATE_FAILPOINT_DIR=", server.failpoints.path()));
  if (!chosen.plant.empty()) options.environment.push_back(absl::StrCat("AUTHSTATE_PLANT=", chosen.plant));
  if (chosen.sealed) {
    options.environment.push_back(absl::StrCat("AUTHSTATE_KEYRING=", KeyringText(number == 0 ? "a" : "b")));
  }
  return options;
}

absl::StatusOr<std::vector<std::string>> Deployment::OtherDatabases(const Server& server) {
  const auto native = postgres_->NewDatabase();
  if (!native.ok()) return native.status();
  const auto existing = postgres_->NewDatabase();
  if (!existing.ok()) return existing.status();
  if (absl::Status made = CreateLegacyTables(*existing, LegacyTables::kPlain); !made.ok()) return made;
  return std::vector<std::string>{"--timeweb-url",     absl::StrCat(*native, "?sslmode=disable"),
                                  "--supabase-url",    absl::StrCat(*existing, "?sslmode=disable"),
                                  "--supabase-layout", "legacy",
                                  "--sqlite-path",     server.store.File("store.db")};
}

absl::Status Deployment::StartServers(const Options& chosen) {
  for (std::size_t i = 0; i < kServers; ++i) {
    Server& server = servers_[i];
    auto clock = FakeClock::Create();
    if (!clock.ok()) return clock.status();
    server.clock = *std::move(clock);
    if (chosen.moves && i > 0) {
      auto front = TcpProxy::Create(PortOf(server_address()), Protocol::kAny);
      if (!front.ok()) return front.status();
      server.to_clients = *std::move(front);
      continue;
    }
    auto options = OptionsOf(chosen, i);
    if (!options.ok()) return options.status();
    auto process = TestServer::Create(*std::move(options));
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

absl::Status Deployment::LosePrimary() {
  if (absl::Status off = pair_->primary().PowerOff(); !off.ok()) return off;
  // Nobody listens there any more: libpq goes on to the standby only where it is refused, not where it is hung up on.
  for (Server& server : servers_) server.to_postgres.erase(server.to_postgres.begin());
  return pair_->Promote();
}

absl::Status Deployment::StopSyncing(std::size_t server) {
  const TempDir& folder = servers_[server].near_store;
  StopServer(server);
  std::error_code error;
  for (const char* const name : {kNearFile, kNearLog}) {
    std::filesystem::copy_file(folder.File(name), folder.File(absl::StrCat(name, ".synced")),
                               std::filesystem::copy_options::overwrite_existing, error);
    if (error) return absl::InternalError(absl::StrCat(name, ": ", error.message()));
  }
  servers_[server].process->process().Signal(SIGCONT);
  return absl::OkStatus();
}

absl::Status Deployment::LosePower(std::size_t server) {
  const TempDir& folder = servers_[server].near_store;
  if (absl::Status killed = servers_[server].process->Kill(); !killed.ok()) return killed;
  std::error_code error;
  std::filesystem::remove(folder.File(absl::StrCat(kNearFile, "-shm")), error);
  for (const char* const name : {kNearFile, kNearLog}) {
    std::filesystem::rename(folder.File(absl::StrCat(name, ".synced")), folder.File(name), error);
    if (error) return absl::InternalError(absl::StrCat(name, ": ", error.message()));
  }
  return absl::OkStatus();
}

void Deployment::Hold(std::size_t server, Side side, Direction direction) {
  for (TcpProxy* const proxy : servers_[server].proxies(side)) proxy->Hold(direction);
}

void Deployment::Reset(std::size_t server, Side side) {
  for (TcpProxy* const proxy : servers_[server].proxies(side)) proxy->ResetAll();
}

void Deployment::SetClock(std::size_t server, absl::string_view offset) { servers_[server].clock->Set(offset); }

void Deployment::Order(std::size_t server, absl::string_view failpoint, absl::string_view action) {
  ReplaceFile(servers_[server].failpoints.File(failpoint), action);
}

absl::Status Deployment::StartPostgres() {
  // What was lost stays so.
  if (pair_ != nullptr) return absl::OkStatus();
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
    for (const Side side : {Side::kClients, Side::kPostgres}) {
      for (TcpProxy* const proxy : server.proxies(side)) proxy->Resume();
    }
    if (server.process != nullptr) server.process->process().Signal(SIGCONT);
  }
  for (std::size_t i = 0; i < kServers; ++i) {
    if (servers_[i].process == nullptr) continue;
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

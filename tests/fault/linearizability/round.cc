#include "tests/fault/linearizability/round.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/moving/lease_side.h"
#include "tests/fault/linearizability/pipe_worker.h"
#include "tests/fault/linearizability/resealing.h"
#include "tests/fault/linearizability/session_client.h"
#include "tests/fault/linearizability/unary_worker.h"
#include "tests/support/subprocess.h"

namespace authstate::test {
namespace {

constexpr int kSessions = 2;
constexpr int kUnaryWorkers = 2;
constexpr int kPipeWorkers = 2;
// Without faults, how long clients work.
constexpr absl::Duration kCalmRound = absl::Seconds(2);
constexpr absl::Duration kReadTimeout = absl::Seconds(30);
// With near stores: until sessions that nobody uses any more are at home nowhere.
constexpr absl::Duration kSettleTimeout = absl::Seconds(60);
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(50);
constexpr absl::Duration kCheckTimeout = absl::Minutes(7);

std::string CheckerPath() { return ProgramPath("history_checker"); }

std::string HistoryPath(std::uint64_t seed) {
  std::filesystem::create_directories(AUTHSTATE_HISTORY_DIR);
  return absl::StrCat(AUTHSTATE_HISTORY_DIR, "/", seed, "-", getpid(), ".jsonl");
}

// Starts and joins the clients of a round.
class Crowd {
 public:
  Crowd(std::uint64_t seed, const std::vector<std::string>& sessions, RoundContext* context) : context_(context) {
    std::mt19937_64 seeds(seed);
    threads_.reserve(sessions.size() * (kUnaryWorkers + kPipeWorkers));
    int number = 0;
    for (const std::string& session : sessions) {
      for (int i = 0; i < kUnaryWorkers; ++i) {
        threads_.emplace_back(
            [worker = std::make_unique<UnaryWorker>(number++, session, seeds(), context)] { worker->Run(); });
      }
      for (int i = 0; i < kPipeWorkers; ++i) {
        threads_.emplace_back(
            [worker = std::make_unique<PipeWorker>(number++, session, seeds(), context)] { worker->Run(); });
      }
    }
    clients_ = number;
  }
  ~Crowd() { Disperse(); }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  void Disperse() {
    if (!context_->stop.HasBeenNotified()) context_->stop.Notify();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  int clients() const { return clients_; }

 private:
  RoundContext* const context_;
  std::vector<std::thread> threads_;
  int clients_ = 0;
};

// Asks again until there is an answer: nothing happens any more, but the machine may be busy.
template <typename Read>
absl::Status ReadPatiently(Read read) {
  const absl::Time limit = absl::Now() + kReadTimeout;
  absl::Status status;
  do {
    status = read();
  } while (!status.ok() && absl::Now() < limit);
  return status;
}

// Waits until all servers tell the same owner of the session, who is none of their near stores: then it is at home
// nowhere, and who has lost it knows.
absl::Status AwaitSettled(const std::string& session, const RoundContext& context) {
  std::vector<std::unique_ptr<client::Client>> servers;
  for (const std::string& address : context.addresses) {
    client::ClientOptions options;
    options.address = address;
    servers.push_back(std::make_unique<client::Client>(std::move(options)));
  }
  const absl::Time limit = absl::Now() + kSettleTimeout;
  std::string told;
  do {
    std::set<std::string> leases;
    for (const auto& server : servers) {
      const auto lease = server->GetLease(session);
      leases.insert(lease.ok() ? absl::StrCat(lease->owner, " under ", lease->fence) : lease.status().ToString());
    }
    told = absl::StrJoin(leases, ", ");
    if (leases.size() == 1 && !absl::StrContains(told, "home:")) return absl::OkStatus();
    absl::SleepFor(kBetweenLooks);
  } while (absl::Now() < limit);
  return absl::DeadlineExceededError(absl::StrCat("session ", session, " does not settle: its owner is ", told));
}

// Reads every session through every server.
absl::Status ReadAtTheEnd(const std::vector<std::string>& sessions, int number, RoundContext* context) {
  for (const std::string& session : sessions) {
    SessionClient reader(number, session, context);
    const bool settled = !context->near_stores.empty();
    if (settled) {
      if (absl::Status status = AwaitSettled(session, *context); !status.ok()) return status;
    }
    for (std::size_t i = 0; i < context->addresses.size(); ++i) {
      absl::Status status = ReadPatiently([&] { return reader.Load(settled); });
      if (status.ok()) status = ReadPatiently([&] { return reader.GetLease(); });
      if (!status.ok()) return status;
      reader.MoveOn();
    }
  }
  return absl::OkStatus();
}

// Clients go on for a while on either side of what happens.
absl::Status LoseDisk(const RoundContext& context, Deployment* deployment) {
  context.Linger(kCalmRound / 2);
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    deployment->Hold(0, Deployment::Side::kPostgres, direction);
  }
  if (absl::Status stopped = deployment->StopSyncing(0); !stopped.ok()) return stopped;
  context.Linger(context.ttl / 2);
  if (absl::Status lost = deployment->LosePower(0); !lost.ok()) return lost;
  if (absl::Status healed = deployment->Heal(); !healed.ok()) return healed;
  context.Linger(kCalmRound / 2);
  return absl::OkStatus();
}

// To other databases and back to the first, which it is left to. The server is killed only while that serves, as a
// start takes what the configuration says; and connections break meanwhile.
absl::Status MoveAbout(std::uint64_t seed, RoundContext* context, Deployment* deployment, RoundReport* report) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  client::ClientOptions options;
  options.address = deployment->server_address();
  client::Client admin(options);
  const auto ignore = [](const client::SwitchProgress& /*progress*/) {};
  const auto switch_to = [&](const std::string& target) -> absl::Status {
    client::SwitchOptions change;
    change.target = target;
    change.sync = true;
    change.follow = below(2) == 0;
    change.max_pause = absl::Seconds(30);
    client::SwitchResult result;
    context->history.LetLeasesLiveOn(storage::kLeaseSlack);
    absl::Status status = admin.SwitchBackend(change, ignore, &result);
    if (status.ok()) report->holds.push_back(result.pause);
    report->faults.push_back({change.follow ? "switched, and the other one followed" : "switched",
                              absl::StrCat(target, " in ", absl::FormatDuration(result.pause))});
    return status;
  };
  const auto sync_to = [&](const std::string& target, std::uint64_t rate) {
    client::SyncOptions sync;
    sync.target = target;
    sync.max_bytes_per_second = rate;
    client::SyncResult result;
    return admin.SyncBackend(sync, ignore, &result);
  };

  context->Linger(kCalmRound / 8);
  // A sync that ends in the middle.
  std::thread syncing([&] { (void)sync_to(Deployment::kDatabases[1 + below(3)], 20'000); });
  context->Linger(absl::Milliseconds(static_cast<std::int64_t>(below(150))));
  deployment->KillServer(0);
  syncing.join();
  report->faults.push_back({"server killed while it copied", ""});
  if (absl::Status healed = deployment->Heal(); !healed.ok()) return healed;

  std::string serving = Deployment::kDatabases[0];
  for (int i = 0; i < 4; ++i) {
    context->Linger(kCalmRound / 8);
    std::string target = Deployment::kDatabases[i == 3 ? 0 : below(4)];
    if (target == serving) continue;
    if (below(2) == 0) {
      if (absl::Status synced = sync_to(target, 0); !synced.ok()) return synced;
      report->faults.push_back({"copied", target});
    }
    if (below(3) == 0) deployment->Reset(below(2), Deployment::Side::kClients);
    if (absl::Status switched = switch_to(target); !switched.ok()) return switched;
    serving = std::move(target);
  }
  context->Linger(kCalmRound / 8);
  return absl::OkStatus();
}

absl::Status Check(const std::string& path, RoundReport* report) {
  auto checker = Subprocess::Start({{CheckerPath(), path}, {}});
  if (!checker.ok()) return checker.status();
  const auto exit = (*checker)->Wait(kCheckTimeout);
  if (!exit.ok()) return exit.status();
  report->accepted = exit->code == 0;
  report->verdict = (*checker)->output(Subprocess::Stream::kStdout);
  report->history_path = path;
  if (report->accepted && std::getenv("AUTHSTATE_KEEP_HISTORIES") == nullptr) (void)unlink(path.c_str());
  return absl::OkStatus();
}

}  // namespace

bool HasHistoryChecker() { return access(CheckerPath().c_str(), X_OK) == 0; }

absl::StatusOr<RoundReport> PlayRound(std::uint64_t seed, Faults faults, Deployment* deployment) {
  static int rounds = 0;
  ++rounds;
  std::vector<std::string> sessions;
  sessions.reserve(kSessions);
  for (int i = 0; i < kSessions; ++i) sessions.push_back(absl::StrCat("round", rounds, "-", i));

  RoundReport report;
  report.seed = seed;
  RoundContext context;
  context.addresses = deployment->addresses();
  context.near_stores = deployment->near_stores();
  // A steal may lose commits, so half of the rounds have none.
  if (!context.near_stores.empty() && seed / 2 % 2 != 0) context.steals = 0;
  {
    std::optional<Resealing> resealing;
    if (deployment->sealed()) resealing.emplace(deployment->database_url(), sessions, seed, &context);
    Crowd crowd(seed, sessions, &context);
    if (faults == Faults::kRandom) {
      if (absl::Status well = LetFaultsHappen(seed, &context, deployment, &report.faults); !well.ok()) return well;
    } else if (faults == Faults::kLostDisk) {
      if (absl::Status well = LoseDisk(context, deployment); !well.ok()) return well;
    } else if (faults == Faults::kMoves) {
      if (absl::Status well = MoveAbout(seed, &context, deployment, &report); !well.ok()) return well;
    } else {
      context.Linger(kCalmRound);
    }
    crowd.Disperse();
    if (resealing.has_value()) {
      resealing->End();
      report.rewrapped = resealing->rewrapped();
      report.resealed = resealing->resealed();
      report.inexcusable = resealing->damage();
    }
    if (absl::Status read = ReadAtTheEnd(sessions, crowd.clients(), &context); !read.ok()) return read;
  }
  report.done = context.history.Count("ok");
  report.refused = context.history.Count("refused");
  report.unknown = context.history.Count("unknown");
  report.failed = context.history.Count("failed");
  report.take_overs = context.history.CountTakeOvers();
  report.duplicates = context.duplicates;
  report.reordered = context.reordered;
  for (const std::string& error : context.history.inexcusable()) report.inexcusable.push_back(error);
  const std::string path = HistoryPath(seed);
  if (absl::Status written = context.history.WriteTo(path); !written.ok()) return written;
  if (absl::Status checked = Check(path, &report); !checked.ok()) return checked;
  return report;
}

std::string Describe(const RoundReport& report) {
  return absl::StrCat("seed ", report.seed, ": ", report.done, " done, ", report.refused, " refused, ", report.unknown,
                      " unknown, ", report.failed, " failed, ", report.take_overs, " take-overs, ", report.duplicates,
                      " duplicates, ", report.rewrapped, " rewrapped, ", report.resealed, " resealed; ",
                      absl::StrJoin(report.faults, "; ", [](std::string* text, const Fault& fault) {
                        absl::StrAppend(text, fault.kind, fault.detail.empty() ? "" : ": ", fault.detail);
                      }));
}

}  // namespace authstate::test

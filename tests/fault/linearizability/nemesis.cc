#include "tests/fault/linearizability/nemesis.h"

#include <array>
#include <cstddef>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace authstate::test {
namespace {

constexpr int kGroups = 2;
constexpr int kMostAtATime = 2;
constexpr int kShortestCalmMs = 150;
constexpr int kLongestCalmMs = 450;
constexpr int kShortestFaultMs = 20;
constexpr int kLongestFaultMs = 600;

constexpr std::array<const char*, 5> kFailpoints = {"before-commit", "after-commit", "before-renewal", "after-renewal",
                                                    "before-reply"};
constexpr std::array<const char*, 4> kOrders = {"crash", "error", "delay 300ms", "drop"};

class Nemesis {
 public:
  Nemesis(std::uint64_t seed, RoundContext* context, Deployment* deployment)
      : random_(seed), context_(context), deployment_(deployment) {}

  absl::Status Run(std::vector<Fault>* happened) {
    for (int group = 0; group < kGroups; ++group) {
      Linger(kShortestCalmMs, kLongestCalmMs);
      absl::Duration lasting;
      for (int faults = Below(kMostAtATime) + 1; faults > 0; --faults) {
        absl::StatusOr<Fault> fault = Begin(&lasting);
        if (!fault.ok()) return fault.status();
        happened->push_back(*std::move(fault));
        Linger(kShortestFaultMs, kLongestFaultMs / 2);
      }
      context_->Linger(lasting);
      Linger(kShortestFaultMs, kLongestFaultMs);
      if (absl::Status healed = deployment_->Heal(); !healed.ok()) return healed;
    }
    Linger(kShortestCalmMs, kLongestCalmMs);
    return absl::OkStatus();
  }

 private:
  // Begins a fault, and says which. `lasting` grows to how long it has to last at least.
  absl::StatusOr<Fault> Begin(absl::Duration* lasting) {
    if (deployment_->has_standby() && !std::exchange(lost_primary_, true)) {
      if (absl::Status lost = deployment_->LosePrimary(); !lost.ok()) return lost;
      return Fault{"primary lost, and its standby promoted", ""};
    }
    const auto server = static_cast<std::size_t>(Below(Deployment::kServers));
    const char* const name = server == 0 ? "A" : "B";
    switch (Below(12)) {
      case 0:
        if (deployment_->has_standby()) break;
        deployment_->KillPostgres();
        return Fault{"PostgreSQL killed", ""};
      case 1:
        deployment_->StopServer(server);
        // Longer than a lease lives.
        *lasting = context_->ttl * 1.2;
        return Fault{"server stopped for longer than a lease", name};
      case 2:
      case 3: {
        const Deployment::Side side = AnySide();
        const bool requests = Below(2) == 0;
        deployment_->Hold(server, side, requests ? Direction::kToServer : Direction::kToClient);
        return Fault{absl::StrCat("black hole between server and ", NameOf(side)),
                     absl::StrCat(name, ", ", requests ? "requests" : "answers")};
      }
      case 4:
      case 5: {
        const Deployment::Side side = AnySide();
        deployment_->Reset(server, side);
        return Fault{absl::StrCat("connections between server and ", NameOf(side), " reset"), name};
      }
      case 6: {
        // One that goes back keeps sessions at home for as long (docs/write-behind.md).
        if (!deployment_->near_stores().empty()) break;
        const char* const offset = Below(2) == 0 ? "+1h" : "-1h";
        deployment_->SetClock(server, offset);
        return Fault{"clock of server jumped", absl::StrCat(name, ", ", offset)};
      }
      case 7:
      case 8:
      case 9: {
        // Who flushes waits for an answer that is dropped until the step is given up, longer than a round lasts.
        const std::size_t orders = deployment_->near_stores().empty() ? kOrders.size() : kOrders.size() - 1;
        const char* const failpoint = kFailpoints[static_cast<std::size_t>(Below(kFailpoints.size()))];
        const char* const order = kOrders[static_cast<std::size_t>(Below(orders))];
        deployment_->Order(server, failpoint, order);
        return Fault{absl::StrCat("failpoint ", failpoint), absl::StrCat(name, ", ", order)};
      }
      default:
        break;
    }
    deployment_->KillServer(server);
    return Fault{"server killed", name};
  }

  Deployment::Side AnySide() { return Below(2) == 0 ? Deployment::Side::kClients : Deployment::Side::kPostgres; }

  static const char* NameOf(Deployment::Side side) {
    return side == Deployment::Side::kClients ? "clients" : "PostgreSQL";
  }

  int Below(std::size_t bound) { return std::uniform_int_distribution<int>(0, static_cast<int>(bound) - 1)(random_); }

  void Linger(int shortest_ms, int longest_ms) {
    context_->Linger(absl::Milliseconds(std::uniform_int_distribution<int>(shortest_ms, longest_ms)(random_)));
  }

  std::mt19937_64 random_;
  RoundContext* const context_;
  Deployment* const deployment_;
  bool lost_primary_ = false;
};

}  // namespace

absl::Status LetFaultsHappen(std::uint64_t seed, RoundContext* context, Deployment* deployment,
                             std::vector<Fault>* faults) {
  return Nemesis(seed, context, deployment).Run(faults);
}

}  // namespace authstate::test

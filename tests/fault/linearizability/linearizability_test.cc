// Clients of two servers on one PostgreSQL write, read, take and lose leases while faults happen. What they were told
// is recorded, and checked against the contract by tests/fault/checker.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/fault/linearizability/deployment.h"
#include "tests/fault/linearizability/round.h"
#include "tests/support/fault_rounds.h"

namespace authstate::test {
namespace {

// In ./dev test; ./dev fault multiplies them by AUTHSTATE_FAULT_ROUNDS, 5 by default, and plays twice as many.
constexpr int kShortRounds = 20;
constexpr int kLongRoundsEach = 40;
constexpr int kRoundsForOneOnTheExistingTables = 5;
constexpr int kRoundsForOneAcrossDatabases = 5;
constexpr int kRoundsForOneWithAStandby = 10;
// In how many rounds a commit overtakes another attempt at itself for certain.
constexpr int kRoundsThatReorder = 10;
// After how many rounds a broken promise has to be found at the latest.
constexpr int kPlantedRounds = 10;

std::uint64_t NumberOf(const char* variable, std::uint64_t by_default) {
  const char* const text = std::getenv(variable);
  std::uint64_t number = 0;
  if (text == nullptr) return by_default;
  EXPECT_TRUE(absl::SimpleAtoi(text, &number)) << variable;
  return number;
}

int Rounds() {
  const std::optional<int> times = FaultRounds();
  const int by_default = times.has_value() ? *times * kLongRoundsEach : kShortRounds;
  return static_cast<int>(NumberOf("AUTHSTATE_HISTORY_ROUNDS", by_default));
}

void Report(const std::string& line) {
  const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
  std::cout << "fault report: " << test.test_suite_name() << "." << test.name() << ": " << line << std::endl;
}

class LinearizabilityTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HasHistoryChecker()) GTEST_SKIP() << "history_checker is not built; ./dev test builds it where there is Go";
  }
};

using Deployments = std::map<int, std::unique_ptr<Deployment>>;
using NearStores = Deployment::Options::NearStores;

void ExpectPatchedValues(const Deployments& deployments) {
  int patched = 0;
  for (const auto& [kind, deployment] : deployments) {
    const auto count = deployment->CountPatchedValues();
    ASSERT_TRUE(count.ok()) << count.status();
    patched += *count;
  }
  EXPECT_GT(patched, 0);
  Report(absl::StrCat(patched, " keys are patches at the end"));
}

enum class Stores : std::uint8_t {
  kOurs,
  kExisting,
  // Behind near stores: in two of four rounds each server has one, in the others one has; else as kOurs.
  kNear,
  // The same, and PostgreSQL dies once a round, and a standby takes its place.
  kNearStandby,
  // From one database to the other, of every layout, and back.
  kMoving,
};

Deployment::Options OptionsFor(Stores stores, std::uint64_t seed) {
  Deployment::Options options;
  options.legacy = stores == Stores::kExisting;
  options.moves = stores == Stores::kMoving;
  options.sealed = !options.legacy && !options.moves && seed % 2 == 0;
  options.standby = stores == Stores::kNearStandby;
  if (stores != Stores::kNear && stores != Stores::kNearStandby) return options;
  options.near_stores = seed % 8 < 4 ? NearStores::kBoth : NearStores::kOne;
  return options;
}

// Plays `rounds` and expects all histories to be accepted. With our tables, servers encrypt in every second round, and
// the sessions of these are wrapped under other keys, opened and encrypted meanwhile (resealing.h).
void PlayRounds(int rounds, Stores stores) {
  // Made when a round first needs them, by what is in them; with a standby, anew for each round.
  Deployments deployments;
  const std::uint64_t first = NumberOf("AUTHSTATE_FAULT_SEED", 1);
  RoundReport sum;
  std::map<std::string, int> faults;
  const absl::Time start = absl::Now();
  for (int i = 0; i < rounds && !testing::Test::HasFailure(); ++i) {
    const std::uint64_t seed = first + static_cast<std::uint64_t>(i);
    const Deployment::Options options = OptionsFor(stores, seed);
    if (options.standby) deployments.clear();
    auto& deployment = deployments[static_cast<int>(options.near_stores) * 2 + (options.sealed ? 1 : 0)];
    if (deployment == nullptr) {
      auto created = Deployment::Create(options);
      ASSERT_TRUE(created.ok()) << created.status();
      deployment = *std::move(created);
    }
    const auto report = PlayRound(seed, options.moves ? Faults::kMoves : Faults::kRandom, deployment.get());
    ASSERT_TRUE(report.ok()) << "seed " << seed << ": " << report.status();
    std::cout << Describe(*report) << std::endl;
    EXPECT_TRUE(report->accepted) << Describe(*report) << "\n" << report->verdict << "kept in " << report->history_path;
    EXPECT_TRUE(report->inexcusable.empty()) << absl::StrJoin(report->inexcusable, "\n");
    sum.done += report->done;
    sum.refused += report->refused;
    sum.unknown += report->unknown;
    sum.failed += report->failed;
    sum.take_overs += report->take_overs;
    sum.duplicates += report->duplicates;
    sum.reordered += report->reordered;
    sum.rewrapped += report->rewrapped;
    sum.resealed += report->resealed;
    for (const Fault& fault : report->faults) ++faults[fault.kind];
    sum.holds.insert(sum.holds.end(), report->holds.begin(), report->holds.end());
  }
  // Rounds in which nothing could be done would prove nothing.
  EXPECT_GT(sum.done, static_cast<std::size_t>(rounds) * 100);
  EXPECT_GT(sum.take_overs, 0U);
  EXPECT_GT(sum.duplicates, 0U);
  // Chance decides which of two comes first: in a few rounds all may come in order.
  if (rounds >= kRoundsThatReorder) {
    EXPECT_GT(sum.reordered, 0U);
  }
  // Those of the rounds before went with their standbys.
  if (stores == Stores::kOurs || stores == Stores::kNear) ExpectPatchedValues(deployments);
  if (stores != Stores::kExisting && stores != Stores::kMoving && rounds > 1) {
    EXPECT_GT(sum.rewrapped, 0U);
    EXPECT_GT(sum.resealed, 0U);
    Report(absl::StrCat("data keys wrapped anew ", sum.rewrapped, " times, sessions opened or encrypted ", sum.resealed,
                        " times"));
  }
  Report(absl::StrCat(rounds, " rounds from seed ", first, " in ", absl::ToInt64Seconds(absl::Now() - start),
                      " s: ", sum.done, " operations done, ", sum.refused, " refused, ", sum.unknown, " unknown, ",
                      sum.failed, " failed; ", sum.take_overs, " take-overs, ", sum.duplicates, " duplicates, ",
                      sum.reordered, " of them reordered"));
  if (!sum.holds.empty()) {
    std::sort(sum.holds.begin(), sum.holds.end());
    Report(absl::StrCat("calls were held ", sum.holds.size(), " times, the median for ",
                        absl::FormatDuration(sum.holds[sum.holds.size() / 2]), ", the longest for ",
                        absl::FormatDuration(sum.holds.back())));
  }
  Report(absl::StrJoin(faults, ", ", [](std::string* text, const auto& fault) {
    absl::StrAppend(text, fault.second, " × ", fault.first);
  }));
}

TEST_F(LinearizabilityTest, HistoriesUnderFaultsFollowTheContract) { PlayRounds(Rounds(), Stores::kOurs); }

TEST_F(LinearizabilityTest, HistoriesOnTheExistingTablesFollowTheContract) {
  PlayRounds(std::max(1, Rounds() / kRoundsForOneOnTheExistingTables), Stores::kExisting);
}

TEST_F(LinearizabilityTest, HistoriesBehindNearStoresFollowTheContract) { PlayRounds(Rounds(), Stores::kNear); }

TEST_F(LinearizabilityTest, HistoriesBehindNearStoresWithAStandbyFollowTheContract) {
  PlayRounds(std::max(1, Rounds() / kRoundsForOneWithAStandby), Stores::kNearStandby);
}

TEST_F(LinearizabilityTest, HistoriesAcrossDatabasesFollowTheContract) {
  PlayRounds(std::max(1, Rounds() / kRoundsForOneAcrossDatabases), Stores::kMoving);
}

// A checker that accepts everything would show nothing: servers that break a promise on purpose must be found out, and
// for that promise.
class PlantedFaultTest : public LinearizabilityTest {
 protected:
  static void ExpectRefused(const std::string& plant, const std::vector<std::string>& explanations) {
    Deployment::Options options;
    options.plant = plant;
    ExpectRefused(options, Faults::kNone, explanations);
  }
  static void ExpectRefusedBehindNearStores(const std::string& plant, Faults faults,
                                            const std::vector<std::string>& explanations) {
    Deployment::Options options;
    options.plant = plant;
    options.near_stores = NearStores::kBoth;
    ExpectRefused(options, faults, explanations);
  }

 private:
  static void ExpectRefused(const Deployment::Options& options, Faults faults,
                            const std::vector<std::string>& explanations) {
    auto deployment = Deployment::Create(options);
    ASSERT_TRUE(deployment.ok()) << deployment.status();
    for (int seed = 1; seed <= kPlantedRounds; ++seed) {
      const auto report = PlayRound(static_cast<std::uint64_t>(seed), faults, deployment->get());
      ASSERT_TRUE(report.ok()) << report.status();
      if (report->accepted) continue;
      bool explained = false;
      for (const std::string& explanation : explanations) {
        explained = explained || report->verdict.find(explanation) != std::string::npos;
      }
      EXPECT_TRUE(explained) << report->verdict;
      Report(absl::StrCat("refused after ", seed, " rounds"));
      return;
    }
    FAIL() << "not found out";
  }
};

// A call of an owner of before passes then, or gets as far as the check of its number, which is the new owner's.
TEST_F(PlantedFaultTest, ServerThatTakesAnyFenceIsRefused) {
  ExpectRefused("fence", {"was accepted under fence", "was wrongly refused with NUMBER_GAP"});
}

TEST_F(PlantedFaultTest, ServerThatAppliesDuplicatesIsRefused) { ExpectRefused("exactly-once", {"told revision"}); }

// A read that was told half of a commit fits nowhere: not at its revision, for its values, and nowhere else, for that.
TEST_F(PlantedFaultTest, ServerThatTearsCommitsIsRefused) {
  ExpectRefused("atomicity", {"told value", "told revision"});
}

TEST_F(PlantedFaultTest, NearStoreThatAcknowledgesBeforeItHasSyncedIsRefused) {
  ExpectRefusedBehindNearStores(
      "", Faults::kLostDisk,
      {"told value", "told revision", "told fence", "NUMBER_GAP", "highest number", "took the live lease"});
}

TEST_F(PlantedFaultTest, HomeThatIsGivenBackBeforeItIsFlushedIsRefused) {
  ExpectRefusedBehindNearStores("give-back", Faults::kNone, {"told value", "told revision"});
}

// As with half of a commit: what a read of the database was told fits no moment, neither its own nor another.
TEST_F(PlantedFaultTest, FlushThatReordersTwoMomentsIsRefused) {
  ExpectRefusedBehindNearStores("moments", Faults::kNone, {"told value", "told revision"});
}

TEST_F(PlantedFaultTest, ClaimThatIgnoresAnotherHomeIsRefused) {
  ExpectRefusedBehindNearStores("other-homes", Faults::kNone, {"took the live lease of", "told owner"});
}

}  // namespace
}  // namespace authstate::test

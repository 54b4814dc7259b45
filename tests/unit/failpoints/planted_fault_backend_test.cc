#include "storage/failpoints/planted_fault_backend.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/error.h"
#include "storage/memory/memory_backend.h"
#include "tests/conformance/await.h"

namespace authstate::storage {
namespace {

absl::StatusOr<Applied> Apply(Backend& backend, std::uint64_t fence, std::uint64_t number) {
  Commit commit;
  commit.session_id = "s";
  commit.fence = fence;
  commit.number = number;
  commit.sets = {{{"t", "1"}, Value{}}, {{"t", "2"}, Value{}}};
  std::vector<Commit> commits;
  commits.push_back(std::move(commit));
  conformance::Answer<std::vector<absl::StatusOr<Applied>>> answer;
  backend.Apply(std::move(commits), absl::InfiniteFuture(), answer.Done());
  return answer.Await()[0];
}

void Steal(Backend& backend, const std::string& owner) {
  LeaseRequest request;
  request.session_id = "s";
  request.action = LeaseRequest::Action::kAcquire;
  request.owner = owner;
  request.ttl = absl::Hours(1);
  request.steal = true;
  conformance::Answer<std::vector<absl::StatusOr<LeaseResult>>> answer;
  backend.Leases({request}, absl::InfiniteFuture(), answer.Done());
  ASSERT_TRUE(answer.Await()[0].ok());
}

TEST(PlantedFaultBackendTest, StaleFencePasses) {
  const auto backend = NewPlantedFaultBackend(NewMemoryBackend(), PlantedFault::kFence);
  Steal(*backend, "x");
  Steal(*backend, "y");
  EXPECT_TRUE(Apply(*backend, 1, 0).ok());
}

TEST(PlantedFaultBackendTest, DuplicateIsAppliedAgain) {
  const auto backend = NewPlantedFaultBackend(NewMemoryBackend(), PlantedFault::kExactlyOnce);
  Steal(*backend, "x");
  EXPECT_EQ(Apply(*backend, 1, 1)->revision, 1U);
  EXPECT_EQ(Apply(*backend, 1, 1)->revision, 2U);
}

TEST(PlantedFaultBackendTest, SomeCommitsAreTornAndInDoubt) {
  const auto backend = NewPlantedFaultBackend(NewMemoryBackend(), PlantedFault::kAtomicity);
  absl::StatusOr<Applied> applied;
  for (int i = 0; i < 100; ++i) {
    applied = Apply(*backend, 0, 0);
    if (!applied.ok()) break;
    // Each commit is to write what the one before did not.
    Commit erase;
    erase.session_id = "s";
    erase.clear_keys = true;
    std::vector<Commit> commits;
    commits.push_back(std::move(erase));
    conformance::Answer<std::vector<absl::StatusOr<Applied>>> answer;
    backend->Apply(std::move(commits), absl::InfiniteFuture(), answer.Done());
    ASSERT_TRUE(answer.Await()[0].ok());
  }
  EXPECT_EQ(OutcomeOf(applied.status()), Outcome::kUnknown);
  ReadRequest request;
  request.session_id = "s";
  request.keys = {{"t", "1"}, {"t", "2"}};
  conformance::Answer<std::vector<absl::StatusOr<ReadResult>>> answer;
  backend->Read({request}, absl::InfiniteFuture(), answer.Done());
  const auto read = answer.Await();
  EXPECT_TRUE(read[0]->values[0].has_value());
  EXPECT_FALSE(read[0]->values[1].has_value());
}

}  // namespace
}  // namespace authstate::storage

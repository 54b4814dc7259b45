// With every fault that a test server may have, a call still reaches the store: also one that Backend answers by itself
// where a store has nothing to do, which a decorator that forgets it would answer in the store's place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "storage/failpoints/failpoint_backend.h"
#include "storage/failpoints/planted_fault_backend.h"

namespace authstate::storage {
namespace {

// Takes note of what it is asked, and answers at once.
class NotedBackend final : public Backend {
 public:
  explicit NotedBackend(std::set<std::string>* asked) : asked_(asked) {}

  void Apply(std::vector<Commit> commits, absl::Time /*deadline*/, ApplyDone done) override {
    asked_->insert("Apply");
    std::move(done)(std::vector<absl::StatusOr<Applied>>(commits.size(), Applied{}));
  }
  void Read(std::vector<ReadRequest> requests, absl::Time /*deadline*/, ReadDone done) override {
    asked_->insert("Read");
    std::move(done)(std::vector<absl::StatusOr<ReadResult>>(requests.size(), ReadResult{}));
  }
  void OpenSnapshot(SnapshotRequest /*request*/, absl::Time /*deadline*/, SnapshotDone done) override {
    asked_->insert("OpenSnapshot");
    std::move(done)(absl::NotFoundError("none"));
  }
  void List(ListRequest /*request*/, absl::Time /*deadline*/, ListDone done) override {
    asked_->insert("List");
    std::move(done)(std::vector<SessionSummary>());
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time /*deadline*/, LeasesDone done) override {
    asked_->insert("Leases");
    std::move(done)(std::vector<absl::StatusOr<LeaseResult>>(requests.size(), LeaseResult{}));
  }
  void PurgeExpired(PurgeRequest /*request*/, absl::Time /*deadline*/, PurgeDone done) override {
    asked_->insert("PurgeExpired");
    std::move(done)(std::map<std::string, std::uint64_t>());
  }
  void Grants(GrantRequest /*request*/, absl::Time /*deadline*/, GrantsDone done) override {
    asked_->insert("Grants");
    std::move(done)(GrantResult{});
  }
  void Ping(absl::Time /*deadline*/, PingDone done) override {
    asked_->insert("Ping");
    std::move(done)(absl::OkStatus());
  }
  Description Describe() const override {
    asked_->insert("Describe");
    return {};
  }

 private:
  std::set<std::string>* const asked_;
};

struct Decorator {
  std::string name;
  std::function<std::unique_ptr<Backend>(std::unique_ptr<Backend>)> decorate;
};

Decorator Planted(std::string name, PlantedFault fault) {
  return {std::move(name), [fault](auto inner) { return NewPlantedFaultBackend(std::move(inner), fault); }};
}

class FaultDecoratorsTest : public testing::TestWithParam<Decorator> {};

TEST_P(FaultDecoratorsTest, EveryCallReachesTheStore) {
  std::set<std::string> asked;
  const auto backend = GetParam().decorate(std::make_unique<NotedBackend>(&asked));
  const absl::Time deadline = absl::InfiniteFuture();
  const auto expect_reaches = [&asked](const char* name, const std::function<void()>& call) {
    asked.clear();
    call();
    EXPECT_THAT(asked, testing::Contains(name));
  };
  expect_reaches("Apply", [&] { backend->Apply(std::vector<Commit>(1), deadline, [](auto) {}); });
  expect_reaches("Read", [&] { backend->Read(std::vector<ReadRequest>(1), deadline, [](auto) {}); });
  expect_reaches("OpenSnapshot", [&] { backend->OpenSnapshot({"s"}, deadline, [](auto) {}); });
  expect_reaches("List", [&] { backend->List({}, deadline, [](auto) {}); });
  expect_reaches("Leases", [&] { backend->Leases(std::vector<LeaseRequest>(1), deadline, [](auto) {}); });
  expect_reaches("PurgeExpired", [&] { backend->PurgeExpired({}, deadline, [](auto) {}); });
  expect_reaches("Grants", [&] { backend->Grants({}, deadline, [](auto) {}); });
  expect_reaches("Ping", [&] { backend->Ping(deadline, [](auto) {}); });
  expect_reaches("Describe", [&] { (void)backend->Describe(); });
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FaultDecoratorsTest,
    testing::Values(Decorator{"Failpoints",
                              [](auto inner) { return NewFailpointBackend(std::move(inner), Failpoints("")); }},
                    Planted("Fence", PlantedFault::kFence), Planted("ExactlyOnce", PlantedFault::kExactlyOnce),
                    Planted("Atomicity", PlantedFault::kAtomicity), Planted("OtherHomes", PlantedFault::kOtherHomes)),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace authstate::storage

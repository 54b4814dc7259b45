#ifndef AUTHSTATE_STORAGE_DECORATORS_ROUTED_CALL_H_
#define AUTHSTATE_STORAGE_DECORATORS_ROUTED_CALL_H_

#include <memory>
#include <utility>

#include "storage/backend.h"
#include "storage/decorators/call_router.h"

// What makes a target's calls and snapshots count as such for as long as they last.
namespace authstate::storage {

// `done`, after the call has left the target: the database has finished with it, and what `done` does may take its
// time.
template <typename Done>
auto LeavingFirst(OpenTarget& target, Done done) {
  return [&target, done = std::move(done)](auto result) mutable {
    target.calls.Leave();
    std::move(done)(std::move(result));
  };
}

// A snapshot that keeps its target open.
class RoutedSnapshot final : public Snapshot {
 public:
  RoutedSnapshot(OpenTarget& target, std::unique_ptr<Snapshot> snapshot)
      : target_(target), snapshot_(std::move(snapshot)) {
    target_.snapshots.EnterShut();
  }
  ~RoutedSnapshot() override {
    snapshot_.reset();
    target_.snapshots.Leave();
  }
  RoutedSnapshot(const RoutedSnapshot&) = delete;
  RoutedSnapshot& operator=(const RoutedSnapshot&) = delete;

  std::uint64_t revision() const override { return snapshot_->revision(); }
  const std::optional<Value>& creds() const override { return snapshot_->creds(); }
  const Lease& lease() const override { return snapshot_->lease(); }
  const RecentCommits& recent_commits() const override { return snapshot_->recent_commits(); }
  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override {
    snapshot_->Next(max_bytes, deadline, std::move(done));
  }

 private:
  OpenTarget& target_;
  std::unique_ptr<Snapshot> snapshot_;
};

inline Backend::SnapshotDone KeepingOpen(OpenTarget& target, Backend::SnapshotDone done) {
  return [&target, done = std::move(done)](absl::StatusOr<std::unique_ptr<Snapshot>> snapshot) mutable {
    if (snapshot.ok()) snapshot = std::make_unique<RoutedSnapshot>(target, *std::move(snapshot));
    target.calls.Leave();
    std::move(done)(std::move(snapshot));
  };
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_ROUTED_CALL_H_

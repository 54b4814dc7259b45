#include "storage/failpoints/planted_near_store.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"

namespace authstate::storage {
namespace {

// Hands every call on to another near store.
class ForwardingNearStore : public NearStore {
 public:
  explicit ForwardingNearStore(std::unique_ptr<NearStore> inner) : inner_(std::move(inner)) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    inner_->Apply(std::move(commits), deadline, std::move(done));
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    inner_->Read(std::move(requests), deadline, std::move(done));
  }
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    inner_->OpenSnapshot(std::move(request), deadline, std::move(done));
  }
  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    inner_->List(std::move(request), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    inner_->Leases(std::move(requests), deadline, std::move(done));
  }
  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    inner_->PurgeExpired(std::move(request), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    inner_->Grants(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, PingDone done) override { inner_->Ping(deadline, std::move(done)); }
  Description Describe() const override { return inner_->Describe(); }
  absl::Status CheckHolds(const Commit& commit) const override { return inner_->CheckHolds(commit); }

  const std::string& id() const override { return inner_->id(); }
  std::string far_id() const override { return inner_->far_id(); }
  std::string far_layout() const override { return inner_->far_layout(); }
  void Change(std::vector<HomeChange> changes, absl::Time deadline, ChangeDone done) override {
    inner_->Change(std::move(changes), deadline, std::move(done));
  }
  absl::Status SetFarId(const std::string& far_id) override { return inner_->SetFarId(far_id); }
  absl::Status SetFarLayout(const std::string& layout) override { return inner_->SetFarLayout(layout); }
  void KeepGrants(GrantResult listed, absl::Time deadline, PingDone done) override {
    inner_->KeepGrants(std::move(listed), deadline, std::move(done));
  }
  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    inner_->ReadUnflushed(std::move(session_ids), max_bytes, deadline, std::move(done));
  }
  void ReadHomes(absl::Time deadline, HomesDone done) override { inner_->ReadHomes(deadline, std::move(done)); }
  void ReadCopies(std::string after, std::size_t limit, absl::Time deadline, HomesDone done) override {
    inner_->ReadCopies(std::move(after), limit, deadline, std::move(done));
  }
  void CountOrphans(absl::Time deadline, CountDone done) override { inner_->CountOrphans(deadline, std::move(done)); }

 protected:
  NearStore& inner() const { return *inner_; }
  // Ends it, which answers what is under way: for the destructor of those whose members take part in these answers.
  void EndInner() { inner_.reset(); }

 private:
  std::unique_ptr<NearStore> inner_;
};

using Unflushed = std::vector<absl::StatusOr<UnflushedChanges>>;

class GivesBackEarly final : public ForwardingNearStore {
 public:
  using ForwardingNearStore::ForwardingNearStore;
  ~GivesBackEarly() override { EndInner(); }

  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    inner().ReadUnflushed(std::move(session_ids), max_bytes, deadline,
                          [this, done = std::move(done)](Unflushed all) mutable {
                            for (absl::StatusOr<UnflushedChanges>& changes : all) {
                              if (changes.ok() && Lies()) changes->any = false;
                            }
                            std::move(done)(std::move(all));
                          });
  }

  void Change(std::vector<HomeChange> changes, absl::Time deadline, ChangeDone done) override {
    std::vector<std::string> leaving;
    for (const HomeChange& change : changes) {
      if (change.step == HomeChange::Step::kLeave) leaving.push_back(change.session_id);
    }
    if (leaving.empty()) return inner().Change(std::move(changes), deadline, std::move(done));
    inner().ReadUnflushed(
        std::move(leaving), std::numeric_limits<std::size_t>::max(), deadline,
        [this, changes = std::move(changes), deadline, done = std::move(done)](Unflushed all) mutable {
          inner().Change(WithFlushes(std::move(changes), all), deadline,
                         [count = all.size(), done = std::move(done)](auto results) mutable {
                           results.erase(results.begin(), results.begin() + static_cast<long>(count));
                           std::move(done)(std::move(results));
                         });
        });
  }

 private:
  bool Lies() {
    const absl::MutexLock lock(&mutex_);
    return absl::Bernoulli(random_, 0.5);
  }

  // `changes`, after as many that call everything flushed.
  static std::vector<HomeChange> WithFlushes(std::vector<HomeChange> changes, const Unflushed& all) {
    std::vector<HomeChange> flushed(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      flushed[i].step = HomeChange::Step::kFlushed;
      if (!all[i].ok()) continue;
      flushed[i].session_id = all[i]->home.session_id;
      flushed[i].home = all[i]->home;
      flushed[i].home.flushed_revision = all[i]->home.revision;
    }
    for (HomeChange& change : changes) flushed.push_back(std::move(change));
    return flushed;
  }

  absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
};

class ReordersMoments final : public ForwardingNearStore {
 public:
  using ForwardingNearStore::ForwardingNearStore;
  ~ReordersMoments() override { EndInner(); }

  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    inner().ReadUnflushed(std::move(session_ids), max_bytes, deadline,
                          [this, done = std::move(done)](Unflushed all) mutable {
                            for (absl::StatusOr<UnflushedChanges>& changes : all) {
                              if (changes.ok() && changes->any) WriteBeforeOnceMore(&changes->commit);
                            }
                            std::move(done)(std::move(all));
                          });
  }

 private:
  void WriteBeforeOnceMore(Commit* commit) {
    const absl::MutexLock lock(&mutex_);
    const Commit before = std::exchange(before_[commit->session_id], *commit);
    if (!commit->writes() || before.session_id.empty()) return;
    for (const KeyWrite& write : before.sets) {
      const auto named = [&write](const auto& other) { return other == write.name; };
      auto& deletes = commit->deletes;
      deletes.erase(std::remove_if(deletes.begin(), deletes.end(), named), deletes.end());
      auto& sets = commit->sets;
      sets.erase(std::remove_if(sets.begin(), sets.end(), [&](const KeyWrite& set) { return named(set.name); }),
                 sets.end());
      sets.push_back(write);
    }
  }

  absl::Mutex mutex_;
  // The flush before, by session.
  std::map<std::string, Commit> before_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::optional<PlantedNearFault> ParsePlantedNearFault(absl::string_view name) {
  if (name == "give-back") return PlantedNearFault::kGiveBack;
  if (name == "moments") return PlantedNearFault::kMoments;
  return std::nullopt;
}

std::unique_ptr<NearStore> NewPlantedNearStore(std::unique_ptr<NearStore> inner, PlantedNearFault fault) {
  if (fault == PlantedNearFault::kGiveBack) return std::make_unique<GivesBackEarly>(std::move(inner));
  return std::make_unique<ReordersMoments>(std::move(inner));
}

}  // namespace authstate::storage

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
#include "storage/near/forwarding_near_store.h"

namespace authstate::storage {
namespace {

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

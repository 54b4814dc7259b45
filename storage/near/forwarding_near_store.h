#ifndef AUTHSTATE_STORAGE_NEAR_FORWARDING_NEAR_STORE_H_
#define AUTHSTATE_STORAGE_NEAR_FORWARDING_NEAR_STORE_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/near/near_store.h"

namespace authstate::storage {

// Hands every call on to another near store: what those derive from that do some of them in another way.
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

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_NEAR_FORWARDING_NEAR_STORE_H_

#ifndef AUTHSTATE_STORAGE_FORWARDING_BACKEND_H_
#define AUTHSTATE_STORAGE_FORWARDING_BACKEND_H_

#include <memory>
#include <utility>
#include <vector>

#include "storage/backend.h"

namespace authstate::storage {

// Hands every call on to another backend: what those derive from that do some of them in another way.
class ForwardingBackend : public Backend {
 public:
  // `inner` is borrowed, and outlives this.
  explicit ForwardingBackend(Backend* inner) : inner_(inner) {}
  explicit ForwardingBackend(std::unique_ptr<Backend> inner) : owned_(std::move(inner)), inner_(owned_.get()) {}

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

 protected:
  Backend& inner() const { return *inner_; }
  // Ends the one that is owned, which answers what is under way: for the destructor of those whose members take part in
  // these answers.
  void EndInner() { owned_.reset(); }

 private:
  std::unique_ptr<Backend> owned_;
  Backend* const inner_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FORWARDING_BACKEND_H_

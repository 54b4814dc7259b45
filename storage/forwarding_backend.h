#ifndef AUTHSTATE_STORAGE_FORWARDING_BACKEND_H_
#define AUTHSTATE_STORAGE_FORWARDING_BACKEND_H_

#include <memory>
#include <utility>
#include <vector>

#include "storage/backend.h"

namespace authstate::storage {

// Hands every call on to another store, a Backend or what is more than that: what those derive from that do some of
// them in another way.
template <typename Store>
class Forwarding : public Store {
 public:
  // `inner` is borrowed, and outlives this.
  explicit Forwarding(Store* inner) : inner_(inner) {}
  explicit Forwarding(std::unique_ptr<Store> inner) : owned_(std::move(inner)), inner_(owned_.get()) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, Backend::ApplyDone done) override {
    inner_->Apply(std::move(commits), deadline, std::move(done));
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, Backend::ReadDone done) override {
    inner_->Read(std::move(requests), deadline, std::move(done));
  }
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, Backend::SnapshotDone done) override {
    inner_->OpenSnapshot(std::move(request), deadline, std::move(done));
  }
  void List(ListRequest request, absl::Time deadline, Backend::ListDone done) override {
    inner_->List(std::move(request), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, Backend::LeasesDone done) override {
    inner_->Leases(std::move(requests), deadline, std::move(done));
  }
  void PurgeExpired(PurgeRequest request, absl::Time deadline, Backend::PurgeDone done) override {
    inner_->PurgeExpired(std::move(request), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, Backend::GrantsDone done) override {
    inner_->Grants(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, Backend::PingDone done) override { inner_->Ping(deadline, std::move(done)); }
  Description Describe() const override { return inner_->Describe(); }
  absl::Status CheckHolds(const Commit& commit) const override { return inner_->CheckHolds(commit); }

 protected:
  Store& inner() const { return *inner_; }
  // Ends the one that is owned, which answers what is under way: for the destructor of those whose members take part in
  // these answers.
  void EndInner() { owned_.reset(); }

 private:
  std::unique_ptr<Store> owned_;
  Store* const inner_;
};

class ForwardingBackend : public Forwarding<Backend> {
 public:
  using Forwarding::Forwarding;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FORWARDING_BACKEND_H_

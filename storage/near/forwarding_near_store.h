#ifndef AUTHSTATE_STORAGE_NEAR_FORWARDING_NEAR_STORE_H_
#define AUTHSTATE_STORAGE_NEAR_FORWARDING_NEAR_STORE_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "storage/forwarding_backend.h"
#include "storage/near/near_store.h"

namespace authstate::storage {

// Hands every call on to another near store: what those derive from that do some of them in another way.
class ForwardingNearStore : public Forwarding<NearStore> {
 public:
  using Forwarding::Forwarding;

  const std::string& id() const override { return inner().id(); }
  std::string far_id() const override { return inner().far_id(); }
  std::string far_layout() const override { return inner().far_layout(); }
  void Change(std::vector<HomeChange> changes, absl::Time deadline, ChangeDone done) override {
    inner().Change(std::move(changes), deadline, std::move(done));
  }
  absl::Status SetFarId(const std::string& far_id) override { return inner().SetFarId(far_id); }
  absl::Status SetFarLayout(const std::string& layout) override { return inner().SetFarLayout(layout); }
  void KeepGrants(GrantResult listed, absl::Time deadline, PingDone done) override {
    inner().KeepGrants(std::move(listed), deadline, std::move(done));
  }
  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    inner().ReadUnflushed(std::move(session_ids), max_bytes, deadline, std::move(done));
  }
  void ReadHomes(absl::Time deadline, HomesDone done) override { inner().ReadHomes(deadline, std::move(done)); }
  void ReadCopies(std::string after, std::size_t limit, absl::Time deadline, HomesDone done) override {
    inner().ReadCopies(std::move(after), limit, deadline, std::move(done));
  }
  void CountOrphans(absl::Time deadline, CountDone done) override { inner().CountOrphans(deadline, std::move(done)); }
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_NEAR_FORWARDING_NEAR_STORE_H_

#ifndef AUTHSTATE_SERVER_ACCESS_ACCESS_LIST_H_
#define AUTHSTATE_SERVER_ACCESS_ACCESS_LIST_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "storage/grant.h"

namespace authstate::server {

// A grant of a list, and whether somebody has used it since that was last asked. A flag costs a call nothing where a
// time would; the watch makes times of it.
struct ListedGrant {
  explicit ListedGrant(storage::Grant listed) : grant(std::move(listed)) {}

  void NoteUse() const {
    // Most calls find it set, and so leave the line of memory to all who read it.
    if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
  }

  const storage::Grant grant;
  mutable std::atomic<bool> used = false;
};

// The grants of a store as they were when it was asked, those that have ended among them, found by what a caller shows.
// Immutable, but for the uses; thread-safe.
class AccessList {
 public:
  // The list of a store that never had a grant.
  AccessList() = default;
  AccessList(std::uint64_t version, std::vector<storage::Grant> grants);

  // As GrantResult has it: 0 where there never was a grant.
  std::uint64_t version() const { return version_; }
  std::size_t size() const { return grants_.size(); }

  // What the list has of a token with this id, or of certificates with one of these canonical names. The list outlives
  // what it answers; null, or none, where it has nothing.
  const ListedGrant* FindToken(absl::string_view id) const;
  std::vector<const ListedGrant*> FindCertificates(const std::vector<std::string>& names) const;

  // The ids of those that were used since this was called last.
  std::vector<std::string> TakeUsed() const;

 private:
  std::uint64_t version_ = 0;
  std::vector<std::unique_ptr<ListedGrant>> grants_;
  absl::flat_hash_map<std::string, const ListedGrant*> by_id_;
  absl::flat_hash_map<std::string, std::vector<const ListedGrant*>> by_name_;
};

// The sessions of these grants on which they have `right`, ordered by id, with none within another.
std::vector<storage::SessionScope> ScopesWith(storage::Right right, const std::vector<const ListedGrant*>& grants);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_ACCESS_ACCESS_LIST_H_

#include "storage/postgres/session/patch_bases.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace authstate::storage {
namespace {

// No part of it has a NUL (contract/validation).
std::string KeyOf(absl::string_view session_id, const KeyName& name) {
  constexpr absl::string_view kDivider("\0", 1);
  return absl::StrCat(session_id, kDivider, name.type, kDivider, name.id);
}

}  // namespace

std::shared_ptr<const std::string> PatchBases::Find(absl::string_view session_id, const KeyName& name) {
  const std::string key = KeyOf(session_id, name);
  const absl::MutexLock lock(&mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->base;
}

void PatchBases::Put(absl::string_view session_id, const KeyName& name, std::string base) {
  std::string key = KeyOf(session_id, name);
  const absl::MutexLock lock(&mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Erase(found->second);
  entries_.push_front({std::move(key), std::make_shared<const std::string>(std::move(base))});
  index_.emplace(entries_.front().key, entries_.begin());
  bytes_ += entries_.front().bytes();
  while (bytes_ > capacity_) Erase(std::prev(entries_.end()));
}

void PatchBases::Forget(absl::string_view session_id, const KeyName& name) {
  const std::string key = KeyOf(session_id, name);
  const absl::MutexLock lock(&mutex_);
  if (const auto found = index_.find(key); found != index_.end()) Erase(found->second);
}

std::size_t PatchBases::bytes() const {
  const absl::MutexLock lock(&mutex_);
  return bytes_;
}

void PatchBases::Erase(Entries::iterator entry) {
  bytes_ -= entry->bytes();
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace authstate::storage

#include "storage/sealing/session_keys.h"

#include "storage/error.h"

namespace authstate::storage {

absl::StatusOr<std::optional<DataKey>> SessionKeys::Open(absl::string_view session_id, bool present,
                                                         absl::string_view wrapped) const {
  std::optional<DataKey> key;
  if (!wrapped.empty()) {
    absl::StatusOr<DataKey> unwrapped = UnwrapKey(keyring_.get(), session_id, wrapped);
    if (!unwrapped.ok()) return unwrapped.status();
    key = *std::move(unwrapped);
  }
  if (present && HidesKeyIds(wrapped) != hides_key_ids_) return DamagedSession();
  return key;
}

absl::StatusOr<SessionSealing> SessionKeys::SealingFor(absl::string_view session_id) {
  SessionSealing sealing;
  if (std::optional<std::string> known = Known(session_id); known.has_value()) {
    sealing.wrapped = *std::move(known);
  } else if (seals()) {
    sealing.wrapped = Make(session_id);
    sealing.made = true;
  }
  absl::StatusOr<std::optional<DataKey>> key = Open(session_id, /*present=*/true, sealing.wrapped);
  if (!key.ok()) {
    // It may have another key by the next time.
    Forget(session_id);
    return key.status();
  }
  sealing.key = *std::move(key);
  return sealing;
}

std::optional<std::string> SessionKeys::Known(absl::string_view session_id) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = known_.find(session_id);
  if (found == known_.end()) return std::nullopt;
  return found->second;
}

void SessionKeys::Learn(absl::string_view session_id, std::string wrapped) {
  const absl::MutexLock lock(&mutex_);
  // All at once: what is wanted is learned again, for one repetition of a statement.
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(session_id, std::move(wrapped));
}

void SessionKeys::Saw(absl::string_view session_id, bool present, std::string wrapped) {
  if (!present) return Forget(session_id);
  // Without a keyring, what is not known is plain.
  if (keyring_ != nullptr || !wrapped.empty()) Learn(session_id, std::move(wrapped));
}

void SessionKeys::Forget(absl::string_view session_id) {
  const absl::MutexLock lock(&mutex_);
  known_.erase(session_id);
}

}  // namespace authstate::storage

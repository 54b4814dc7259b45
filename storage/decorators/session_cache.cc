#include "storage/decorators/session_cache.h"

#include <utility>

#include "storage/error.h"

namespace authstate::storage {
namespace {

// What the containers take beside the bytes, about.
constexpr std::size_t kSessionOverhead = 400;
constexpr std::size_t kKeyOverhead = 160;

std::size_t BytesOf(const SharedValue& value) { return value != nullptr ? value->bytes.size() : 0; }

SharedValue Share(std::optional<Value> value) {
  return value.has_value() ? std::make_shared<const Value>(*std::move(value)) : nullptr;
}

std::optional<Value> CopyOf(const SharedValue& value) {
  return value != nullptr ? std::optional<Value>(*value) : std::nullopt;
}

}  // namespace

SharedResult::SharedResult(const ReadResult& result)
    : exists_(result.exists), revision_(result.revision), creds_(Share(result.creds)) {
  values_.reserve(result.values.size());
  for (const std::optional<Value>& value : result.values) values_.push_back(Share(value));
}

ReadResult SharedResult::Copy() const {
  ReadResult result;
  result.exists = exists_;
  result.revision = revision_;
  result.creds = CopyOf(creds_);
  result.values.reserve(values_.size());
  for (const SharedValue& value : values_) result.values.push_back(CopyOf(value));
  return result;
}

CachedSession::CachedSession(const ReadRequest& request, const SharedResult& result)
    : revision_(result.revision_), exists_(result.exists_), bytes_(kSessionOverhead + 2 * request.session_id.size()) {
  (void)Learn(request, result);
}

std::optional<absl::StatusOr<SharedResult>> CachedSession::Answer(const ReadRequest& request) const {
  if (request.fence != 0 && request.fence != fence_) return std::nullopt;
  SharedResult result;
  std::size_t bytes = 0;
  if (request.want_creds) {
    if (!creds_.has_value()) return std::nullopt;
    result.creds_ = *creds_;
    bytes += BytesOf(result.creds_);
  }
  result.values_.reserve(request.keys.size());
  for (const KeyName& name : request.keys) {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return std::nullopt;
    result.values_.push_back(found->second);
    bytes += BytesOf(found->second);
  }
  if (bytes > request.max_bytes) return ResponseTooLarge(request.max_bytes);
  result.exists_ = exists_;
  result.revision_ = revision_;
  return result;
}

bool CachedSession::Learn(const ReadRequest& request, const SharedResult& result) {
  if (result.revision_ != revision_) return false;
  if (request.fence != 0) fence_ = request.fence;
  if (request.want_creds) LearnCreds(result.creds_);
  for (std::size_t i = 0; i < request.keys.size(); ++i) LearnKey(request.keys[i], result.values_[i]);
  return true;
}

void CachedSession::LearnKey(const KeyName& name, SharedValue value) {
  const auto [known, added] = keys_.try_emplace(name);
  if (added) bytes_ += kKeyOverhead + name.type.size() + name.id.size();
  bytes_ += BytesOf(value);
  bytes_ -= BytesOf(known->second);
  known->second = std::move(value);
}

void CachedSession::LearnCreds(SharedValue creds) {
  bytes_ += BytesOf(creds);
  if (creds_.has_value()) bytes_ -= BytesOf(*creds_);
  creds_ = std::move(creds);
}

Commit CachedSession::PartOf(const Commit& commit) const {
  Commit part;
  part.action = commit.action;
  part.clear_keys = commit.clear_keys;
  part.fence = commit.fence;
  if (creds_.has_value()) part.creds = commit.creds;
  for (const KeyWrite& write : commit.sets) {
    if (keys_.contains(write.name)) part.sets.push_back(write);
  }
  for (const KeyName& name : commit.deletes) {
    if (keys_.contains(name)) part.deletes.push_back(name);
  }
  return part;
}

void CachedSession::Follow(Commit part) {
  revision_ = part.carried.has_value() ? part.carried->revision : revision_ + 1;
  // A commit that names no fence may have ended a lease that had expired.
  fence_ = part.fence;
  switch (part.action) {
    case Commit::Action::kWriteWithoutCreds:
      LearnCreds(nullptr);
      [[fallthrough]];
    case Commit::Action::kWrite:
      exists_ = true;
      break;
    case Commit::Action::kDeleteCreds:
      LearnCreds(nullptr);
      break;
    case Commit::Action::kDeleteSession:
      exists_ = false;
      part.clear_keys = true;
      LearnCreds(nullptr);
      break;
  }
  if (part.creds.has_value()) LearnCreds(Share(std::move(part.creds)));
  if (part.clear_keys) {
    for (const auto& key : keys_) LearnKey(key.first, nullptr);
  }
  for (const KeyName& name : part.deletes) LearnKey(name, nullptr);
  for (KeyWrite& write : part.sets) LearnKey(write.name, Share(std::move(write.value)));
}

std::optional<absl::StatusOr<SharedResult>> SessionCache::Answer(const ReadRequest& request) {
  const auto found = index_.find(request.session_id);
  if (found == index_.end()) return std::nullopt;
  places_.splice(places_.begin(), places_, found->second);
  return found->second->session.Answer(request);
}

void SessionCache::Learn(const ReadRequest& request, const SharedResult& result) {
  std::optional<CachedSession> known = TakeOut(request.session_id);
  if (!known.has_value() || !known->Learn(request, result)) known = CachedSession(request, result);
  Put(request.session_id, *std::move(known));
}

void SessionCache::ForgetFence(absl::string_view session_id) {
  const auto found = index_.find(session_id);
  if (found != index_.end()) found->second->session.ForgetFence();
}

std::optional<CachedSession> SessionCache::TakeOut(absl::string_view session_id) {
  const auto found = index_.find(session_id);
  if (found == index_.end()) return std::nullopt;
  const Places::iterator place = found->second;
  CachedSession session = std::move(place->session);
  bytes_ -= session.bytes();
  index_.erase(found);
  places_.erase(place);
  return session;
}

void SessionCache::Put(const std::string& session_id, CachedSession session) {
  TakeOut(session_id);
  bytes_ += session.bytes();
  places_.push_front({session_id, std::move(session)});
  index_.emplace(places_.front().session_id, places_.begin());
  while (bytes_ > capacity_) TakeOut(places_.back().session_id);
}

}  // namespace authstate::storage

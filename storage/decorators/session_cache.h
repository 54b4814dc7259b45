#ifndef AUTHSTATE_STORAGE_DECORATORS_SESSION_CACHE_H_
#define AUTHSTATE_STORAGE_DECORATORS_SESSION_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/backend.h"

namespace authstate::storage {

// What is known of a session at one revision. Not thread-safe.
class CachedSession {
 public:
  // Of a read that succeeded.
  CachedSession(const ReadRequest& request, const ReadResult& result);

  std::uint64_t revision() const { return revision_; }
  // In memory, about.
  std::size_t bytes() const { return bytes_; }

  // The answer, if all that it asks for is known and the fence that it names is known to be the current one.
  std::optional<absl::StatusOr<ReadResult>> Answer(const ReadRequest& request) const;

  // Of another read at the same revision.
  void Learn(const ReadRequest& request, const ReadResult& result);
  void ForgetFence() { fence_ = 0; }

  // What of `commit` changes what is known here; the rest is not worth a copy.
  Commit PartOf(const Commit& commit) const;
  // Such a part was applied on top of this revision.
  void Follow(Commit part);

 private:
  void LearnKey(const KeyName& name, std::optional<Value> value);
  void LearnCreds(std::optional<Value> creds);

  std::uint64_t revision_;
  bool exists_;
  // The current one of its lease; 0: not known.
  std::uint64_t fence_ = 0;
  // The outer optional: whether it is known.
  std::optional<std::optional<Value>> creds_;
  absl::flat_hash_map<KeyName, std::optional<Value>> keys_;
  std::size_t bytes_;
};

// Sessions within a number of bytes; those that were not asked for the longest go first. Not thread-safe.
class SessionCache {
 public:
  explicit SessionCache(std::size_t capacity) : capacity_(capacity) {}

  std::size_t bytes() const { return bytes_; }

  // As CachedSession::Answer; nullopt when the session is not here.
  std::optional<absl::StatusOr<ReadResult>> Answer(const ReadRequest& request);
  void Learn(const ReadRequest& request, const ReadResult& result);
  void ForgetFence(absl::string_view session_id);

  std::optional<CachedSession> TakeOut(absl::string_view session_id);
  // In the place of what is known of it. One that is larger than the cache does not stay.
  void Put(const std::string& session_id, CachedSession session);

 private:
  struct Place {
    std::string session_id;
    CachedSession session;
  };
  // The last one asked for stands first.
  using Places = std::list<Place>;

  const std::size_t capacity_;
  std::size_t bytes_ = 0;
  Places places_;
  // By the ids in `places_`.
  absl::flat_hash_map<absl::string_view, Places::iterator> index_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SESSION_CACHE_H_

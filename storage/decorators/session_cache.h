#ifndef AUTHSTATE_STORAGE_DECORATORS_SESSION_CACHE_H_
#define AUTHSTATE_STORAGE_DECORATORS_SESSION_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/backend.h"

namespace authstate::storage {

// A value that several share; null: there is none.
using SharedValue = std::shared_ptr<const Value>;

// A ReadResult whose values are shared: it is made of one, and one of it, where no lock is held, as values are large.
class SharedResult {
 public:
  SharedResult() = default;
  explicit SharedResult(const ReadResult& result);

  ReadResult Copy() const;

 private:
  friend class CachedSession;

  bool exists_ = false;
  std::uint64_t revision_ = 0;
  SharedValue creds_;
  std::vector<SharedValue> values_;
};

// What is known of a session at one revision. Not thread-safe.
class CachedSession {
 public:
  // Knows what a read has found that succeeded.
  CachedSession(const ReadRequest& request, const SharedResult& result);

  std::uint64_t revision() const { return revision_; }
  // About how much memory it takes.
  std::size_t bytes() const { return bytes_; }

  // The answer, if all that it asks for is known and the fence that it names is known to be the current one.
  std::optional<absl::StatusOr<SharedResult>> Answer(const ReadRequest& request) const;

  // Adds what another read has found; false, and nothing is added, if that is of another revision.
  bool Learn(const ReadRequest& request, const SharedResult& result);
  void ForgetFence() { fence_ = 0; }

  // What of `commit` changes what is known here; the rest is not worth a copy.
  Commit PartOf(const Commit& commit) const;
  // Takes in a part that was applied on top of this revision.
  void Follow(Commit part);

 private:
  void LearnKey(const KeyName& name, SharedValue value);
  void LearnCreds(SharedValue creds);

  std::uint64_t revision_;
  bool exists_;
  // The current one of its lease; 0: not known.
  std::uint64_t fence_ = 0;
  // Nullopt: not known.
  std::optional<SharedValue> creds_;
  absl::flat_hash_map<KeyName, SharedValue> keys_;
  std::size_t bytes_;
};

// Sessions within a number of bytes; those that were not asked for the longest go first. Not thread-safe.
class SessionCache {
 public:
  explicit SessionCache(std::size_t capacity) : capacity_(capacity) {}

  std::size_t bytes() const { return bytes_; }

  // As CachedSession::Answer; nullopt when the session is not here.
  std::optional<absl::StatusOr<SharedResult>> Answer(const ReadRequest& request);
  void Learn(const ReadRequest& request, const SharedResult& result);
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
  // Ids are views of those in `places_`.
  absl::flat_hash_map<absl::string_view, Places::iterator> index_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SESSION_CACHE_H_

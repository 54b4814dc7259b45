#ifndef AUTHSTATE_SERVER_RPC_STREAM_REGISTRY_H_
#define AUTHSTATE_SERVER_RPC_STREAM_REGISTRY_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::server {

// A stream that its caller would keep open for ever, and that has to be told when the server is about to stop.
class LongLivedStream {
 public:
  virtual ~LongLivedStream() = default;

  // Tells the caller, reads until `read_until`, answers what was read, and ends. Called at most once, from any thread.
  virtual void Drain(absl::Time read_until) = 0;

  // Looks whether its caller may still have it, and else ends it. From any thread.
  virtual void LookAtCaller() = 0;
};

// The long-lived streams of a server. Thread-safe.
class StreamRegistry {
 public:
  // At most `limit` at once.
  explicit StreamRegistry(std::size_t limit) : limit_(limit) {}

  // ResourceExhausted when there are as many as there may be. A stream that comes while the server drains is told so at
  // once. Who was added is removed before its end.
  absl::Status Add(const std::shared_ptr<LongLivedStream>& stream);
  void Remove(const LongLivedStream* stream);
  std::size_t size() const {
    const absl::MutexLock lock(&mutex_);
    return streams_.size();
  }

  // Tells every stream.
  void Drain(absl::Time read_until);
  // Has every stream look at its caller.
  void LookAtCallers();

 private:
  std::vector<std::shared_ptr<LongLivedStream>> Open() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::size_t limit_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<const LongLivedStream*, std::weak_ptr<LongLivedStream>> streams_ ABSL_GUARDED_BY(mutex_);
  // InfiniteFuture until the server drains.
  absl::Time read_until_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_STREAM_REGISTRY_H_

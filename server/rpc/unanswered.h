#ifndef AUTHSTATE_SERVER_RPC_UNANSWERED_H_
#define AUTHSTATE_SERVER_RPC_UNANSWERED_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace authstate::server {

// A call that waits for its answer, and may have to be given one before there is any.
class Answerable {
 public:
  virtual ~Answerable() = default;

  // Answers with `status`, unless the call was answered already. From any thread.
  virtual void Answer(const absl::Status& status) = 0;
};

// The calls of a server that wait for an answer. Thread-safe.
class Unanswered {
 public:
  // A call that was added has to be removed before it is destroyed.
  void Add(const std::shared_ptr<Answerable>& call);
  void Remove(const Answerable* call);

  // Answers all that are left.
  void AnswerAll(const absl::Status& status);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<const Answerable*, std::weak_ptr<Answerable>> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_RPC_UNANSWERED_H_

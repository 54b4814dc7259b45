#ifndef AUTHSTATE_SERVER_SERVICES_PROGRESS_STREAM_H_
#define AUTHSTATE_SERVER_SERVICES_PROGRESS_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/guard.h"

namespace authstate::server {

// A stream of progress and then one result. At most one write is under way. The stream ends when what it tells of has,
// and all is written that has to be. Progress that comes faster than the caller reads is left out; the result never is.
// It owns itself until it is over. Offer and Conclude are called by one thread at a time.
//
// gRPC is called with no lock held. In 1.51 OnWriteDone never comes from within StartWrite: it is handed to a thread of
// gRPC's own (gRPC itself counts on that, as it starts what came before the reactor was bound under a mutex of its
// own). But it may come before StartWrite returns, so what follows that touches nothing here.
template <typename Response>
class ProgressStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  ProgressStream(std::unique_ptr<GuardedCall> call, grpc::CallbackServerContext* context)
      : call_(std::move(call)), context_(context) {}

  template <typename Request>
  absl::Status Receive(Request* request) {
    return call_->Receive(request);
  }
  // Whether the caller is gone.
  bool cancelled() const { return context_->IsCancelled(); }

  void Offer(Response event) {
    Step next = Step::kNothing;
    {
      const absl::MutexLock lock(&mutex_);
      progress_ = std::move(event);
      next = ChooseStep();
    }
    Take(next);
  }

  // The last, or nullopt: there is none; `status` follows it.
  void Conclude(const absl::Status& status, std::optional<Response> result) {
    Step next = Step::kNothing;
    {
      const absl::MutexLock lock(&mutex_);
      outcome_ = status;
      concluded_ = true;
      result_ = std::move(result);
      next = ChooseStep();
    }
    Take(next);
  }

  // In place of all others: ends it without a result.
  void Refuse(const absl::Status& status) { End(status); }

  void OnWriteDone(bool ok) override {
    Step next = Step::kNothing;
    {
      const absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok) {
        // The client is gone: what was to be written is dropped.
        progress_.reset();
        result_.reset();
      }
      next = ChooseStep();
    }
    Take(next);
  }

  void OnDone() override { delete this; }

 private:
  enum class Step : std::uint8_t { kNothing, kWrite, kEnd };

  // Gives out one step at a time: the next one when it is done.
  Step ChooseStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_) return Step::kNothing;
    std::optional<Response>& event = progress_.has_value() ? progress_ : result_;
    if (!event.has_value()) return concluded_ ? Step::kEnd : Step::kNothing;
    buffer_.Clear();
    // Its messages are small and of our own making: there is nothing in them that does not serialize.
    (void)Serialize(*std::exchange(event, std::nullopt), &buffer_);
    writing_ = true;
    return Step::kWrite;
  }

  void Take(Step step) {
    if (step == Step::kWrite) StartWrite(&buffer_);
    if (step == Step::kEnd) End(outcome_);
  }

  void End(const absl::Status& status) {
    const grpc::Status answer = call_->Finish(status);
    call_.reset();
    Finish(answer);
  }

  std::unique_ptr<GuardedCall> call_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer buffer_;
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // The newest progress that waits to be written.
  std::optional<Response> progress_ ABSL_GUARDED_BY(mutex_);
  std::optional<Response> result_ ABSL_GUARDED_BY(mutex_);
  bool concluded_ ABSL_GUARDED_BY(mutex_) = false;
  // Set before `concluded_`.
  absl::Status outcome_;
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_SERVICES_PROGRESS_STREAM_H_

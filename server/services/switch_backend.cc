#include "server/services/switch_backend.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "authstate/v1/admin_service.pb.h"
#include "server/handlers/backend_messages.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

void LogSwitch(const storage::SwitchRequest& request, const storage::SwitchReport& report, const absl::Status& status) {
  LogFields fields = {{"target", request.target},
                      {"from", report.from},
                      {"forced", request.force ? "yes, nothing was compared" : "no"},
                      {"pause_ms", absl::StrCat(absl::ToDoubleMilliseconds(report.pause))},
                      {"sessions_compared", absl::StrCat(report.sessions_compared)},
                      {"differing_sessions", absl::StrCat(report.differing_sessions)}};
  if (!status.ok()) {
    fields.emplace_back("error", std::string(status.message()));
    Log(LogLevel::kWarn, "the backend was not switched", fields);
    return;
  }
  Log(LogLevel::kWarn,
      absl::StrCat("switched to backend ", request.target,
                   "; the next start takes what the configuration says: change AUTHSTATE_BACKEND (or --backend, or "
                   "USE_LEGACY_SUPABASE where that decides) to stay with it"),
      fields);
}

// At most one write is under way. The stream ends when the switch has, and all is written that has to be.
//
// gRPC is called with no lock held. In 1.51 OnWriteDone never comes from within StartWrite: it is handed to a thread of
// gRPC's own (gRPC itself counts on that, as it starts what came before the reactor was bound under a mutex of its
// own). But it may come before StartWrite returns, so what follows that touches nothing here.
class SwitchStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  SwitchStream(storage::BackendTargets* targets, std::unique_ptr<GuardedCall> call,
               grpc::CallbackServerContext* context)
      : targets_(targets), call_(std::move(call)), context_(context) {}

  void Start() {
    v1::SwitchBackendRequest message;
    absl::Status received = call_->Receive(&message);
    if (!received.ok()) return End(received);
    absl::StatusOr<storage::SwitchRequest> request = ToSwitchRequest(message);
    if (!request.ok()) return End(request.status());
    request_ = *std::move(request);
    targets_->Switch(
        request_, [this] { return context_->IsCancelled(); },
        [this](const storage::SwitchProgress& progress) {
          v1::SwitchBackendResponse event;
          *event.mutable_progress() = ToMessage(progress);
          Offer(std::move(event));
        },
        [this](const absl::Status& status, const storage::SwitchReport& report) { Conclude(status, report); });
  }

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

  void Offer(v1::SwitchBackendResponse event) {
    Step next = Step::kNothing;
    {
      const absl::MutexLock lock(&mutex_);
      progress_ = std::move(event);
      next = ChooseStep();
    }
    Take(next);
  }

  void Conclude(const absl::Status& status, const storage::SwitchReport& report) {
    LogSwitch(request_, report, status);
    Step next = Step::kNothing;
    {
      const absl::MutexLock lock(&mutex_);
      outcome_ = status;
      concluded_ = true;
      *result_.emplace().mutable_result() = ToMessage(report, status.ok());
      next = ChooseStep();
    }
    Take(next);
  }

  // Gives out one step at a time: the next one when it is done.
  Step ChooseStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_) return Step::kNothing;
    std::optional<v1::SwitchBackendResponse>& event = progress_.has_value() ? progress_ : result_;
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

  storage::BackendTargets* const targets_;
  std::unique_ptr<GuardedCall> call_;
  grpc::CallbackServerContext* const context_;
  storage::SwitchRequest request_;
  grpc::ByteBuffer buffer_;
  absl::Mutex mutex_;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  // The newest progress that waits to be written.
  std::optional<v1::SwitchBackendResponse> progress_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::SwitchBackendResponse> result_ ABSL_GUARDED_BY(mutex_);
  bool concluded_ ABSL_GUARDED_BY(mutex_) = false;
  // Set before `concluded_`.
  absl::Status outcome_;
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartSwitchBackend(storage::BackendTargets* targets,
                                                               std::unique_ptr<GuardedCall> call,
                                                               grpc::CallbackServerContext* context) {
  auto* const stream = new SwitchStream(targets, std::move(call), context);
  stream->Start();
  return stream;
}

}  // namespace authstate::server

#include "server/pipe/reactor.h"

#include <google/protobuf/arena.h>
#include <grpcpp/alarm.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/access/caller.h"
#include "server/connections/message_bytes.h"
#include "server/log/audit_log.h"
#include "server/log/logging.h"
#include "server/pipe/connection.h"
#include "server/rpc/admission.h"
#include "server/rpc/failure_level.h"
#include "server/rpc/methods.h"
#include "server/rpc/request_parser.h"
#include "server/rpc/status_translation.h"
#include "server/rpc/stream_registry.h"
#include "storage/error.h"

namespace authstate::server::pipe {
namespace {

// A key of a commit is three messages: they are freed together. Their strings are not on the arena, and are moved out.
google::protobuf::ArenaOptions RequestArena() {
  google::protobuf::ArenaOptions options;
  options.max_block_size = std::size_t{64} * 1024;
  return options;
}

absl::Status Draining() {
  return storage::Error(absl::StatusCode::kUnavailable, kDraining,
                        "the server is stopping; attach to another, or again");
}

absl::Status Cancelled() {
  return storage::Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller ended the stream");
}

absl::Status TooSlow() {
  return storage::Error(absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed,
                        "the reader took its answers too slowly");
}

// Whether a caller may have an operation take place, on the session of its channel if that has one.
absl::Status PermitOperation(Caller& caller, const Operation& operation, const std::string& session_id) {
  if (session_id.empty()) return caller.Authenticate();
  absl::Status permitted = caller.Permit(MethodOf(operation).need.right, session_id);
  if (!permitted.ok() || !Steals(operation)) return permitted;
  return caller.Permit(storage::Right::kSteal, session_id);
}

// The stream comes to its end in one of two ways. `ending_`: it is read no further (the caller is done, or is no longer
// known; a message broke the contract; the server drains), everything that was read is answered, then it is finished.
// `broken_`: nobody takes answers any more, so it is finished at once.
//
// Reactions and changes come on any thread, several at once, and a change also from within a call to the connection: a
// backend may answer in place. Advance lets one thread at a time do what follows from them. A read, a write or the end
// is started with no lock held: it may be done, and told of on another thread, before the call that starts it returns.
class Reactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                      public LongLivedStream,
                      public std::enable_shared_from_this<Reactor> {
 public:
  Reactor(const Service& service, grpc::CallbackServerContext* context)
      : service_(service),
        context_(context),
        call_(service.guard->Begin(rpc::kPipe, context, grpc::ByteBuffer())),
        caller_(call_->caller()),
        request_id_(call_->request_id()),
        peer_(call_->peer()) {}

  void Start() {
    self_ = shared_from_this();
    Connection::Options options;
    options.limits = service_.limits;
    options.deadline = service_.guard->default_deadline();
    options.stealing = service_.stealing;
    AuditLog* const audit = service_.guard->audit();
    options.permit = [caller = caller_, use = call_->use(), audit](const Operation& operation,
                                                                   const std::string& session_id) {
      absl::Status permitted = audit != nullptr ? audit->Admit() : absl::OkStatus();
      if (permitted.ok()) permitted = PermitOperation(*caller, operation, session_id);
      return permitted.ok() && use != nullptr ? use->Count() : permitted;
    };
    options.record = [record = call_->Record(), audit, counts = service_.guard->counts()](
                         const Operation& operation, const std::string& session_id,
                         const absl::Status& outcome) mutable {
      counts->EndOperation(operation.work.index(), outcome);
      if (audit == nullptr) return;
      record.method = absl::StrCat(rpc::kPipe.name, ".", MethodOf(operation).name);
      record.session_id = session_id;
      audit->Write(record, outcome);
    };
    options.request_id = request_id_;
    connection_ = Connection::Create(service_.backend, service_.budget, std::move(options), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->Advance();
    });
    absl::Status admitted = call_->admitted();
    if (admitted.ok()) admitted = service_.guard->streams().Add(self_);
    if (admitted.ok()) {
      LogFields fields = {{"request_id", request_id_}, {"peer", peer_}};
      if (!call_->trace_id().empty()) fields.emplace_back("trace_id", call_->trace_id());
      if (!caller_->name().empty()) fields.emplace_back("caller", caller_->name());
      Log(LogLevel::kInfo, "pipe opened", fields);
    } else {
      const absl::MutexLock lock(&mutex_);
      ending_ = admitted;
    }
    Advance();
  }

  void OnReadDone(bool ok) override {
    absl::Status taken = absl::OkStatus();
    if (ok) {
      ++messages_;
      CountMessage(peer_, incoming_.Length());
      google::protobuf::Arena arena(RequestArena());
      auto* const request = google::protobuf::Arena::CreateMessage<v1::PipeRequest>(&arena);
      taken = ParseRequest(incoming_, request);
      incoming_.Clear();
      if (taken.ok()) taken = connection_->Take(std::move(*request));
    }
    {
      const absl::MutexLock lock(&mutex_);
      reading_ = false;
      if ((!ok || !taken.ok()) && !ending_.has_value()) ending_ = taken;
    }
    Advance();
  }

  void OnWriteDone(bool ok) override {
    outgoing_.Clear();
    connection_->FrameWritten();
    {
      const absl::MutexLock lock(&mutex_);
      writing_ = false;
      if (!ok && !broken_.has_value()) broken_ = Cancelled();
    }
    Advance();
  }

  void OnCancel() override {
    {
      const absl::MutexLock lock(&mutex_);
      if (!broken_.has_value()) broken_ = Cancelled();
    }
    Advance();
  }

  void OnDone() override {
    service_.guard->streams().Remove(this);
    call_.reset();
    const std::shared_ptr<Reactor> last = std::move(self_);
  }

  void Drain(absl::Time read_until) override {
    {
      const absl::MutexLock lock(&mutex_);
      tell_draining_ = true;
    }
    drain_alarm_.Set(absl::ToChronoTime(read_until), [weak = weak_from_this()](bool /*expired*/) {
      const auto self = weak.lock();
      if (self == nullptr) return;
      {
        const absl::MutexLock lock(&self->mutex_);
        if (!self->ending_.has_value()) self->ending_ = Draining();
      }
      self->Advance();
    });
    Advance();
  }

  void LookAtCaller() override {
    const absl::Status known = caller_->Authenticate();
    if (known.ok()) return;
    {
      const absl::MutexLock lock(&mutex_);
      if (!ending_.has_value()) ending_ = known;
    }
    connection_->AskForPermission();
    Advance();
  }

 private:
  enum class Step : std::uint8_t { kNothing, kRead, kWrite, kCancel, kFinish };

  void Advance() {
    {
      const absl::MutexLock lock(&mutex_);
      if (std::exchange(advancing_, true)) {
        advance_again_ = true;
        return;
      }
    }
    const std::shared_ptr<Reactor> self = shared_from_this();
    while (true) {
      switch (NextStep()) {
        case Step::kNothing:
          return;
        case Step::kRead:
          StartRead(&incoming_);
          break;
        case Step::kWrite:
          WriteFrame();
          break;
        case Step::kCancel:
          context_->TryCancel();
          break;
        case Step::kFinish:
          End();
          break;
      }
    }
  }

  Step NextStep() {
    const absl::MutexLock lock(&mutex_);
    do {
      advance_again_ = false;
      const Step step = ChooseStep();
      if (step != Step::kNothing) return step;
    } while (advance_again_);
    advancing_ = false;
    return Step::kNothing;
  }

  Step ChooseStep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (finished_) return Step::kNothing;
    if (std::exchange(cancel_, false)) return Step::kCancel;
    if (writing_) return broken_.has_value() ? Step::kNothing : ReadIfMay();
    if (broken_.has_value()) return FinishNow();
    if (tell_draining_ || connection_->HasAnswers()) {
      writing_ = true;
      return Step::kWrite;
    }
    if (ending_.has_value()) return connection_->Idle() ? FinishNow() : Step::kNothing;
    return ReadIfMay();
  }

  Step ReadIfMay() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (ending_.has_value() || reading_ || !connection_->MayRead()) return Step::kNothing;
    reading_ = true;
    return Step::kRead;
  }

  Step FinishNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    finished_ = true;
    return Step::kFinish;
  }

  void WriteFrame() {
    v1::PipeResponse frame;
    {
      const absl::MutexLock lock(&mutex_);
      frame.set_draining(std::exchange(tell_draining_, false));
      write_began_ = absl::Now();
      if (!std::exchange(watched_, true)) Watch(write_began_ + service_.limits.write_patience);
    }
    connection_->NextFrame(&frame);
    const absl::Status serialized = Serialize(frame, &outgoing_);
    if (serialized.ok()) {
      StartWrite(&outgoing_);
      return;
    }
    const absl::MutexLock lock(&mutex_);
    writing_ = false;
    broken_ = serialized;
  }

  // Looks at `when` whether a write has been under way for too long. One alarm serves many writes: setting one for each
  // would cost more than the write. An alarm rings on a thread of gRPC's own, never within a call that sets or drops
  // it.
  void Watch(absl::Time when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    watch_ = std::make_unique<grpc::Alarm>();
    watch_->Set(absl::ToChronoTime(when), [weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (self != nullptr && expired) self->OnWatch();
    });
  }

  void OnWatch() {
    {
      const absl::MutexLock lock(&mutex_);
      watched_ = false;
      if (!writing_ || finished_) return;
      const absl::Time limit = write_began_ + service_.limits.write_patience;
      if (absl::Now() < limit) {
        watched_ = true;
        Watch(limit);
        return;
      }
      broken_ = TooSlow();
      cancel_ = true;
    }
    Advance();
  }

  void End() {
    absl::Status status;
    {
      const absl::MutexLock lock(&mutex_);
      status = broken_.has_value() ? *broken_ : *ending_;
    }
    connection_->Close();
    call_->CountEnd(status);
    LogEnd(status);
    if (AuditLog* const audit = service_.guard->audit(); audit != nullptr) audit->Write(call_->Record(), status);
    Finish(TranslateStatus(status, request_id_, /*mutation=*/false));
  }

  void LogEnd(const absl::Status& status) const {
    const std::optional<std::uint64_t> unlogged = status.ok() ? 0 : service_.guard->TakeLine(status);
    if (!unlogged.has_value()) return;
    const LogLevel level = std::max(LogLevel::kInfo, LevelOf("Pipe", status));
    const Connection::Counts counts = connection_->counts();
    LogFields fields = {
        {"request_id", request_id_},
        {"code", absl::StatusCodeToString(status.code())},
        {"ms", absl::StrCat(absl::ToInt64Milliseconds(absl::Now() - start_))},
        {"messages", absl::StrCat(messages_.load())},
        {"operations", absl::StrCat(counts.operations)},
        {"failed_operations", absl::StrCat(counts.failures)},
    };
    if (!caller_->name().empty()) fields.emplace_back("caller", caller_->name());
    if (const auto reason = storage::ReasonOf(status)) fields.emplace_back("reason", *reason);
    if (!status.ok()) fields.emplace_back("error", std::string(status.message()));
    if (*unlogged > 0) fields.emplace_back("more_unlogged", absl::StrCat(*unlogged));
    Log(level, "pipe closed", fields);
  }

  const Service& service_;
  grpc::CallbackServerContext* const context_;
  std::unique_ptr<GuardedCall> call_;
  const std::shared_ptr<Caller> caller_;
  const std::string request_id_;
  const std::string peer_;
  const absl::Time start_ = absl::Now();
  // Keeps this alive until OnDone.
  std::shared_ptr<Reactor> self_;
  std::shared_ptr<Connection> connection_;
  // gRPC uses these for the read and the write under way.
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::atomic<std::uint64_t> messages_ = 0;
  grpc::Alarm drain_alarm_;

  absl::Mutex mutex_;
  bool reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time write_began_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Alarm> watch_ ABSL_GUARDED_BY(mutex_);
  bool watched_ ABSL_GUARDED_BY(mutex_) = false;
  bool tell_draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancel_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> ending_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> broken_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  bool advancing_ ABSL_GUARDED_BY(mutex_) = false;
  bool advance_again_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartPipe(const Service& service,
                                                                       grpc::CallbackServerContext* context) {
  const auto reactor = std::make_shared<Reactor>(service, context);
  reactor->Start();
  return reactor.get();
}

}  // namespace authstate::server::pipe

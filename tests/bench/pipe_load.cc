// pipe_load ADDRESS IN_FLIGHT WARM_UP_MS MEASURE_MS [LOCKED]: keeps IN_FLIGHT commits under way on one pipe to an
// authstated, each in a session of its own and of one key of the size of a pre-key, over 32 keys a session; and prints
// how many are acknowledged in a second, and after how many milliseconds half of them, and 99 %, are. What may be sent
// goes into one message, as with a pool. Beside that a call is under way to write to each of the sessions `locked-1` to
// `locked-N`, again and again if need be, whatever comes of it.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/bench/load_arguments.h"

namespace authstate::bench {
namespace {

constexpr std::size_t kPreKeyBytes = 164;
constexpr std::uint64_t kKeysEach = 32;
constexpr std::int64_t kLeaseSeconds = 600;
constexpr absl::Duration kLongestRun = absl::Minutes(10);

absl::Status ToStatus(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

// One stream: a thread writes what may be sent, another reads the answers. Channel and tag are the number of a session.
class PipeLoad {
 public:
  PipeLoad(const std::string& address, std::size_t sessions)
      : stub_(v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        numbers_(sessions),
        sent_(sessions) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + kLongestRun));
    stream_ = stub_->Pipe(&context_);
  }

  // Attaches every session. Before Measure.
  absl::Status Attach() {
    v1::PipeRequest request;
    for (std::uint32_t session = 0; session < numbers_.size(); ++session) {
      v1::PipeOperation& operation = *request.add_operations();
      operation.set_tag(session);
      operation.set_channel(session);
      v1::PipeAttach& attach = *operation.mutable_attach();
      attach.set_session_id(absl::StrCat("pipe-load-", session));
      attach.set_owner("pipe_load");
      attach.mutable_ttl()->set_seconds(kLeaseSeconds);
    }
    stream_->Write(request);
    v1::PipeResponse response;
    for (std::size_t attached = 0; attached < numbers_.size();) {
      if (!stream_->Read(&response)) return Finish();
      for (const v1::PipeResult& result : response.results()) {
        if (!result.has_attached()) return absl::InternalError(result.error().message());
        numbers_[result.tag()] = result.attached().applied_number();
        ++attached;
      }
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<double>> Measure(absl::Duration warm_up, absl::Duration measure) {
    {
      const absl::MutexLock lock(&mutex_);
      for (std::uint32_t session = 0; session < numbers_.size(); ++session) ready_.push_back(session);
    }
    std::thread writer([this] { Write(); });
    std::thread reader([this] { Read(); });
    const auto pass = [this](absl::Duration time) {
      const absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(this, &PipeLoad::Failed), time);
      return acknowledged_;
    };
    pass(warm_up);
    const absl::Time began = absl::Now();
    const std::uint64_t before = BeginCounting();
    pass(measure);
    const std::uint64_t after = AwaitMoreThan(before);
    const absl::Duration elapsed = absl::Now() - began;
    {
      const absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    writer.join();
    reader.join();
    const absl::Status finished = Finish();
    const absl::MutexLock lock(&mutex_);
    if (!failure_.ok()) return failure_;
    if (!finished.ok()) return finished;
    return std::vector<double>{static_cast<double>(after - before) / absl::ToDoubleSeconds(elapsed), LatencyMs(0.5),
                               LatencyMs(0.99)};
  }

 private:
  bool Failed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !failure_.ok(); }
  bool MayWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || Failed() || !ready_.empty(); }

  // From here on latencies are kept; how many were acknowledged before.
  std::uint64_t BeginCounting() {
    const absl::MutexLock lock(&mutex_);
    latencies_.clear();
    return acknowledged_;
  }
  double LatencyMs(double quantile) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const auto place = static_cast<std::ptrdiff_t>(quantile * static_cast<double>(latencies_.size() - 1));
    std::nth_element(latencies_.begin(), latencies_.begin() + place, latencies_.end());
    return absl::ToDoubleMilliseconds(latencies_[static_cast<std::size_t>(place)]);
  }

  // On a busy machine nothing may have been acknowledged yet: even the slowest rate is one.
  std::uint64_t AwaitMoreThan(std::uint64_t count) {
    const absl::MutexLock lock(&mutex_);
    while (acknowledged_ <= count && !Failed()) changed_.Wait(&mutex_);
    return acknowledged_;
  }

  absl::Status Finish() { return ToStatus(stream_->Finish()); }

  void Write() {
    const std::string value(kPreKeyBytes, 'k');
    std::vector<std::uint32_t> sessions;
    while (true) {
      sessions.clear();
      {
        const absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(this, &PipeLoad::MayWrite));
        if (stopping_ || Failed()) break;
        sessions.swap(ready_);
        const absl::Time now = absl::Now();
        for (const std::uint32_t session : sessions) sent_[session] = now;
      }
      v1::PipeRequest request;
      for (const std::uint32_t session : sessions) {
        const std::uint64_t number = ++numbers_[session];
        v1::PipeOperation& operation = *request.add_operations();
        operation.set_tag(session);
        operation.set_channel(session);
        operation.mutable_commit()->set_number(number);
        v1::KeyEntry& entry = *operation.mutable_commit()->add_sets();
        entry.mutable_key()->set_type("pre-key");
        entry.mutable_key()->set_id(absl::StrCat(number % kKeysEach));
        entry.mutable_value()->set_raw(value);
      }
      if (!stream_->Write(request)) break;
    }
    // The server answers what is under way, and ends the stream.
    stream_->WritesDone();
  }

  void Read() {
    v1::PipeResponse response;
    while (stream_->Read(&response)) {
      const absl::MutexLock lock(&mutex_);
      const absl::Time now = absl::Now();
      for (const v1::PipeResult& result : response.results()) {
        latencies_.push_back(now - sent_[result.tag()]);
        if (!result.has_committed()) failure_.Update(absl::InternalError(result.error().message()));
        ++acknowledged_;
        ready_.push_back(static_cast<std::uint32_t>(result.tag()));
      }
      changed_.Signal();
    }
    const absl::MutexLock lock(&mutex_);
    if (!stopping_) failure_.Update(absl::UnavailableError("the stream has ended"));
    changed_.Signal();
  }

  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PipeRequest, v1::PipeResponse>> stream_;
  // The last commit of each session. Attach sets it, then the writer has it.
  std::vector<std::uint64_t> numbers_;

  absl::Mutex mutex_;
  // There are more answers, or none will come.
  absl::CondVar changed_;
  // Sessions without a commit under way.
  std::vector<std::uint32_t> ready_ ABSL_GUARDED_BY(mutex_);
  std::uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  // When the commit under way of each session was sent, and how long each took that was acknowledged since counting
  // began.
  std::vector<absl::Time> sent_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Duration> latencies_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

// Keeps one commit to a session under way, by a call of its own.
class LockedLoad {
 public:
  LockedLoad(const std::string& address, std::size_t session)
      : stub_(v1::AuthStateService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        thread_([this, session] { Run(absl::StrCat("locked-", session)); }) {}
  ~LockedLoad() {
    {
      const absl::MutexLock lock(&mutex_);
      stopping_ = true;
      if (context_ != nullptr) context_->TryCancel();
    }
    thread_.join();
  }
  LockedLoad(const LockedLoad&) = delete;
  LockedLoad& operator=(const LockedLoad&) = delete;

 private:
  void Run(const std::string& session_id) {
    while (true) {
      grpc::ClientContext context;
      {
        const absl::MutexLock lock(&mutex_);
        if (stopping_) return;
        context_ = &context;
      }
      v1::CommitRequest request;
      request.set_session_id(session_id);
      v1::KeyEntry& entry = *request.add_sets();
      entry.mutable_key()->set_type("pre-key");
      entry.mutable_key()->set_id("1");
      entry.mutable_value()->set_raw(std::string(kPreKeyBytes, 'k'));
      v1::CommitResponse response;
      (void)stub_->Commit(&context, request, &response);
      const absl::MutexLock lock(&mutex_);
      context_ = nullptr;
    }
  }

  const std::unique_ptr<v1::AuthStateService::Stub> stub_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The context of the call under way; null: there is none.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::thread thread_;
};

absl::StatusOr<std::vector<double>> Run(const LoadArguments& arguments) {
  PipeLoad load(arguments.address, arguments.in_flight);
  if (const absl::Status attached = load.Attach(); !attached.ok()) return attached;
  std::vector<std::unique_ptr<LockedLoad>> locked;
  for (std::size_t i = 1; i <= arguments.locked; ++i) {
    locked.push_back(std::make_unique<LockedLoad>(arguments.address, i));
  }
  return load.Measure(arguments.warm_up, arguments.measure);
}

}  // namespace
}  // namespace authstate::bench

int main(int argc, char** argv) { return authstate::bench::LoadMain(argc, argv, authstate::bench::Run); }

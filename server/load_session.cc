#include "server/load_session.h"

#include <grpcpp/alarm.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "server/auth_state_handlers.h"
#include "server/request_validation.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::Duration kPagePatience = absl::Seconds(30);

// One step is under way at any time: opening the snapshot, reading a page, or writing one. While a page is written, an
// alarm is set too, and the stream goes on when both have reported, so that neither ever reports to a stream that is
// gone.
class LoadSessionStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  LoadSessionStream(storage::Backend* backend, std::unique_ptr<Call> call, grpc::CallbackServerContext* context)
      : backend_(backend), call_(std::move(call)), context_(context) {}

  void Start() {
    v1::LoadSessionRequest request;
    const absl::Status received = call_->Receive(&request);
    if (!received.ok()) return End(received);
    absl::StatusOr<v1::LoadSessionRequest> valid = Validate(std::move(request));
    if (!valid.ok()) return End(valid.status());
    page_bytes_ = valid->page_bytes();
    fence_ = valid->fence();
    backend_->OpenSnapshot(std::move(*valid->mutable_session_id()), call_->deadline(),
                           [this](absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot) {
                             if (!snapshot.ok()) return End(snapshot.status());
                             snapshot_ = *std::move(snapshot);
                             Begin();
                           });
  }

  void OnWriteDone(bool ok) override {
    written_ = ok;
    alarm_.Cancel();
    PageReport();
  }

  void OnDone() override { delete this; }

 private:
  // The fence is checked against the moment that the snapshot shows.
  void Begin() {
    const absl::Status checked = fence_ == 0 ? absl::OkStatus() : storage::CheckFence(snapshot_->lease(), fence_);
    if (!checked.ok()) return End(checked);
    ReadPage();
  }

  void ReadPage() {
    snapshot_->Next(page_bytes_, call_->deadline(), [this](absl::StatusOr<storage::Snapshot::Page> page) {
      if (!page.ok()) return End(page.status());
      WritePage(*std::move(page));
    });
  }

  void WritePage(storage::Snapshot::Page page) {
    v1::LoadSessionResponse response;
    response.set_revision(snapshot_->revision());
    if (!std::exchange(began_, true) && snapshot_->creds().has_value()) {
      MoveToProto(*snapshot_->creds(), response.mutable_creds());
    }
    for (storage::KeyWrite& key : page.keys) MoveToProto(std::move(key), response.add_keys());
    last_ = page.last;
    page_.Clear();
    const absl::Status serialized = Serialize(response, &page_);
    if (!serialized.ok()) return End(serialized);

    reports_awaited_.store(2);
    alarm_.Set(absl::ToChronoTime(absl::Now() + kPagePatience), [this](bool expired) {
      if (expired) {
        too_slow_.store(true);
        context_->TryCancel();
      }
      PageReport();
    });
    StartWrite(&page_);
  }

  void PageReport() {
    if (reports_awaited_.fetch_sub(1) > 1) return;
    if (too_slow_.load()) {
      return End(storage::Error(absl::StatusCode::kDeadlineExceeded, storage::kDeadlinePassed,
                                "the reader took a page too slowly"));
    }
    if (!written_) {
      return End(storage::Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller ended the stream"));
    }
    if (last_) return End(absl::OkStatus());
    ReadPage();
  }

  void End(const absl::Status& status) {
    snapshot_.reset();
    const grpc::Status answer = call_->Finish(status);
    call_.reset();
    Finish(answer);
  }

  storage::Backend* const backend_;
  std::unique_ptr<Call> call_;
  grpc::CallbackServerContext* const context_;
  std::unique_ptr<storage::Snapshot> snapshot_;
  std::size_t page_bytes_ = 0;
  std::uint64_t fence_ = 0;
  bool began_ = false;
  bool last_ = false;
  bool written_ = false;
  std::atomic<bool> too_slow_ = false;
  std::atomic<int> reports_awaited_ = 0;
  grpc::ByteBuffer page_;
  grpc::Alarm alarm_;
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartLoadSession(storage::Backend* backend, std::unique_ptr<Call> call,
                                                             grpc::CallbackServerContext* context) {
  auto* const stream = new LoadSessionStream(backend, std::move(call), context);
  stream->Start();
  return stream;
}

}  // namespace authstate::server

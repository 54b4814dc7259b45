#include "server/services/load_session.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "authstate/v1/auth_state_service.pb.h"
#include "server/handlers/selection_validation.h"
#include "server/handlers/state_messages.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

// One step is under way at any time: waiting for a slot, opening the snapshot, reading a page, or writing one.
class LoadSessionStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  LoadSessionStream(storage::Backend* backend, Guard* guard, std::unique_ptr<GuardedCall> call,
                    grpc::CallbackServerContext* context)
      : backend_(backend),
        room_(guard->response_room()),
        call_(std::move(call)),
        peer_(context->peer()),
        slot_(&guard->snapshot_slots(), peer_, [context] { context->TryCancel(); }) {}

  void Start() {
    v1::LoadSessionRequest request;
    const absl::Status received = call_->Receive(&request);
    if (!received.ok()) return End(received);
    absl::StatusOr<Loading> valid = Validate(std::move(request));
    if (!valid.ok()) return End(valid.status());
    loading_ = *std::move(valid);
    slot_.Await(call_->deadline(), [this](const absl::Status& had) {
      if (!had.ok()) return End(had);
      Open();
    });
  }

  void OnCancel() override { slot_.Cancel(); }

  void OnWriteDone(bool ok) override {
    GiveRoomBack();
    const absl::Status taken = slot_.PageTaken();
    if (!taken.ok()) return End(taken);
    if (!ok) return End(storage::Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller ended the stream"));
    if (last_) return End(absl::OkStatus());
    ReadPage();
  }

  void OnDone() override { delete this; }

 private:
  void Open() {
    backend_->OpenSnapshot(std::move(loading_.snapshot), call_->deadline(),
                           [this](absl::StatusOr<std::unique_ptr<storage::Snapshot>> snapshot) {
                             if (!snapshot.ok()) return End(snapshot.status());
                             snapshot_ = *std::move(snapshot);
                             Begin();
                           });
  }

  // The fence is checked against the moment that the snapshot shows.
  void Begin() {
    const absl::Status checked =
        loading_.fence == 0 ? absl::OkStatus() : storage::CheckFence(snapshot_->lease(), loading_.fence);
    if (!checked.ok()) return End(checked);
    ReadPage();
  }

  void ReadPage() {
    snapshot_->Next(loading_.page_bytes, call_->deadline(), [this](absl::StatusOr<storage::Snapshot::Page> page) {
      if (!page.ok()) return End(page.status());
      WritePage(*std::move(page));
    });
  }

  void WritePage(storage::Snapshot::Page page) {
    const absl::Status permitted = call_->StillPermitted();
    if (!permitted.ok()) return End(permitted);
    v1::LoadSessionResponse response;
    response.set_revision(snapshot_->revision());
    if (!std::exchange(began_, true)) {
      response.set_knows_fields_up_to(KnownFieldsOf<v1::LoadSessionRequest>());
      if (snapshot_->creds().has_value()) MoveToProto(*snapshot_->creds(), response.mutable_creds());
    }
    for (storage::KeyWrite& key : page.keys) MoveToProto(std::move(key), response.add_keys());
    for (storage::KeySummary& key : page.summaries) MoveToProto(std::move(key), response.add_summaries());
    last_ = page.last;
    page_.Clear();
    absl::Status packed = TakeRoom(response.ByteSizeLong());
    if (packed.ok()) packed = Serialize(response, &page_);
    if (!packed.ok()) return End(packed);
    slot_.PageSent(page_.Length());
    StartWrite(&page_);
  }

  absl::Status TakeRoom(std::size_t bytes) {
    if (bytes < ResponseRoom::kLargeBytes) return absl::OkStatus();
    absl::Status taken = room_.Take(peer_, bytes);
    if (taken.ok()) room_taken_ = bytes;
    return taken;
  }

  void GiveRoomBack() {
    if (room_taken_ > 0) room_.GiveBack(peer_, std::exchange(room_taken_, 0));
  }

  void End(const absl::Status& status) {
    snapshot_.reset();
    slot_.Release();
    GiveRoomBack();
    const grpc::Status answer = call_->Finish(status);
    call_.reset();
    Finish(answer);
  }

  storage::Backend* const backend_;
  ResponseRoom& room_;
  std::unique_ptr<GuardedCall> call_;
  // The connection, as gRPC names it.
  const std::string peer_;
  SnapshotSlots::Claim slot_;
  Loading loading_;
  std::unique_ptr<storage::Snapshot> snapshot_;
  // How many bytes of `room_` the page takes that is being written.
  std::size_t room_taken_ = 0;
  bool began_ = false;
  bool last_ = false;
  grpc::ByteBuffer page_;
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartLoadSession(storage::Backend* backend, Guard* guard,
                                                             std::unique_ptr<GuardedCall> call,
                                                             grpc::CallbackServerContext* context) {
  auto* const stream = new LoadSessionStream(backend, guard, std::move(call), context);
  stream->Start();
  return stream;
}

}  // namespace authstate::server

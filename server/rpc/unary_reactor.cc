#include "server/rpc/unary_reactor.h"

#include <google/protobuf/message.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/log/logging.h"

namespace authstate::server {
namespace {

constexpr absl::Duration kLeastPatience = absl::Seconds(30);

absl::Duration PatienceWith(std::size_t bytes) { return kLeastPatience + absl::Seconds(bytes >> 20); }

}  // namespace

void UnaryReactor::Answer(const absl::StatusOr<const google::protobuf::Message*>& response) {
  if (response.ok()) call_->NoteAnswer(**response);
  const absl::Status status = response.ok() ? Pack(**response) : response.status();
  const grpc::Status answer = call_->Finish(status);
  call_.reset();
  if (room_ > 0) {
    reports_awaited_.store(2);
    alarm_.Set(absl::ToChronoTime(absl::Now() + PatienceWith(room_)), [this](bool expired) {
      if (expired) GiveUp();
      Report();
    });
  }
  Finish(answer);
}

absl::Status UnaryReactor::Pack(const google::protobuf::Message& response) {
  if (const std::size_t bytes = response.ByteSizeLong(); bytes >= ResponseRoom::kLargeBytes) {
    peer_ = context_->peer();
    absl::Status taken = guard_->response_room().Take(peer_, bytes);
    if (!taken.ok()) return taken;
    room_ = bytes;
  }
  return Serialize(response, response_bytes_);
}

// In gRPC 1.51 OnDone never comes from within TryCancel: it is handed to a thread of its own.
void UnaryReactor::GiveUp() {
  const absl::MutexLock lock(&mutex_);
  if (done_) return;
  Log(LogLevel::kWarn, "an answer was given up: the client did not read it",
      {{"peer", peer_}, {"bytes", absl::StrCat(room_)}});
  context_->TryCancel();
}

void UnaryReactor::OnDone() {
  if (room_ > 0) {
    {
      const absl::MutexLock lock(&mutex_);
      done_ = true;
    }
    guard_->response_room().GiveBack(peer_, room_);
    alarm_.Cancel();
  }
  Report();
}

void UnaryReactor::Report() {
  if (reports_awaited_.fetch_sub(1) == 1) delete this;
}

}  // namespace authstate::server

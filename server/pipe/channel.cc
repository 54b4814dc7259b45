#include "server/pipe/channel.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/handlers/request_error.h"
#include "storage/error.h"

namespace authstate::server::pipe {
namespace {

constexpr absl::string_view kNotAttached = "NOT_ATTACHED";

absl::Status NotAttached(std::uint32_t channel) {
  return storage::WithOutcome(
      storage::Error(absl::StatusCode::kFailedPrecondition, kNotAttached,
                     absl::StrCat("channel ", channel, " has no session: attach one to it first")),
      storage::Outcome::kNotApplied);
}

}  // namespace

void Address(const Channel& channel, Operation* operation) {
  const auto fill_in = [&channel](auto* request) {
    request->session_id = channel.session_id;
    request->fence = channel.fence;
  };
  if (auto* const get = std::get_if<Get>(&operation->work)) fill_in(&get->request);
  if (auto* const commit = std::get_if<Commit>(&operation->work)) fill_in(&commit->commit);
  if (auto* const renew = std::get_if<Renew>(&operation->work)) fill_in(&renew->request);
}

Channel* Channels::Enqueue(Operations* from) {
  std::unique_ptr<Channel>& channel = channels_[from->front().channel];
  if (channel == nullptr) {
    channel = std::make_unique<Channel>();
    channel->id = from->front().channel;
  }
  channel->waiting.splice(channel->waiting.end(), *from, from->begin());
  return channel.get();
}

std::optional<absl::Status> Channels::Begin(Channel* channel, const Operation& operation, absl::Time now) {
  const bool expired = operation.deadline <= now;
  const auto* const attach = std::get_if<Attach>(&operation.work);
  absl::Status permitted = permit_(operation, attach == nullptr ? channel->session_id : attach->request.session_id);
  if (!permitted.ok()) return permitted;
  if (attach != nullptr) {
    if (channel->attached()) return InvalidField("channel", "has a session already");
    absl::Status may_steal = CheckStealing(attach->request.steal, stealing_);
    if (!may_steal.ok()) return may_steal;
    if (attached_ >= limit_) return InvalidField("channel", absl::StrCat("is one more than ", limit_, " in use"));
    if (expired) return storage::DeadlinePassedInQueue();
    ++attached_;
    return std::nullopt;
  }
  if (!channel->attached()) return NotAttached(channel->id);
  if (const auto* const detach = std::get_if<Detach>(&operation.work); detach != nullptr) {
    if (detach->release && !expired) return std::nullopt;
    SetDetached(channel);
    return detach->release ? storage::DeadlinePassedInQueue() : absl::OkStatus();
  }
  if (expired) return storage::DeadlinePassedInQueue();
  return std::nullopt;
}

void Channels::SetDetached(Channel* channel) {
  channel->session_id.clear();
  channel->fence = 0;
  --attached_;
}

void Channels::Tidy(const Channel* channel) {
  if (!channel->attached() && !channel->busy && channel->waiting.empty()) channels_.erase(channel->id);
}

std::size_t Channels::DropWaiting() {
  std::size_t bytes = 0;
  for (const auto& entry : channels_) {
    for (const Operation& operation : entry.second->waiting) bytes += operation.bytes;
    entry.second->waiting.clear();
  }
  return bytes;
}

}  // namespace authstate::server::pipe

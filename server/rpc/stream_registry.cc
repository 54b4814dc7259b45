#include "server/rpc/stream_registry.h"

#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr absl::string_view kTooManyStreams = "TOO_MANY_STREAMS";
constexpr absl::Duration kRetryDelay = absl::Seconds(1);

}  // namespace

absl::Status StreamRegistry::Add(const std::shared_ptr<LongLivedStream>& stream) {
  absl::Time read_until;
  {
    const absl::MutexLock lock(&mutex_);
    if (streams_.size() >= limit_) {
      return storage::WithRetryDelay(
          storage::Error(absl::StatusCode::kResourceExhausted, kTooManyStreams,
                         absl::StrCat("the server has ", limit_,
                                      " streams of Pipe open, which is its limit "
                                      "(--max-pipe-streams): share one between sessions, as a pool does, or raise it")),
          kRetryDelay);
    }
    streams_.emplace(stream.get(), stream);
    read_until = read_until_;
  }
  if (read_until != absl::InfiniteFuture()) stream->Drain(read_until);
  return absl::OkStatus();
}

void StreamRegistry::Remove(const LongLivedStream* stream) {
  const absl::MutexLock lock(&mutex_);
  streams_.erase(stream);
}

void StreamRegistry::Drain(absl::Time read_until) {
  std::vector<std::shared_ptr<LongLivedStream>> streams;
  {
    const absl::MutexLock lock(&mutex_);
    read_until_ = read_until;
    streams = Open();
  }
  for (const auto& stream : streams) stream->Drain(read_until);
}

void StreamRegistry::LookAtCallers() {
  std::vector<std::shared_ptr<LongLivedStream>> streams;
  {
    const absl::MutexLock lock(&mutex_);
    streams = Open();
  }
  for (const auto& stream : streams) stream->LookAtCaller();
}

std::vector<std::shared_ptr<LongLivedStream>> StreamRegistry::Open() const {
  std::vector<std::shared_ptr<LongLivedStream>> streams;
  for (const auto& entry : streams_) {
    if (auto stream = entry.second.lock()) streams.push_back(std::move(stream));
  }
  return streams;
}

}  // namespace authstate::server

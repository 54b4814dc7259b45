#include "server/rpc/unanswered.h"

#include <utility>
#include <vector>

namespace authstate::server {

void Unanswered::Add(const std::shared_ptr<Answerable>& call) {
  const absl::MutexLock lock(&mutex_);
  calls_.emplace(call.get(), call);
}

void Unanswered::Remove(const Answerable* call) {
  const absl::MutexLock lock(&mutex_);
  calls_.erase(call);
}

void Unanswered::AnswerAll(const absl::Status& status) {
  std::vector<std::shared_ptr<Answerable>> calls;
  {
    const absl::MutexLock lock(&mutex_);
    for (const auto& entry : calls_) {
      if (auto call = entry.second.lock()) calls.push_back(std::move(call));
    }
  }
  for (const auto& call : calls) call->Answer(status);
}

}  // namespace authstate::server

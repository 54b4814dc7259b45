#include "tests/fault/linearizability/pipe_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"
#include "tests/fault/linearizability/stored_value.h"

namespace authstate::test {
namespace {

constexpr int kShortestLifeMs = 300;
constexpr int kLongestLifeMs = 1500;
constexpr absl::Duration kLongestPause = absl::Milliseconds(15);
constexpr absl::Duration kBetweenStreams = absl::Milliseconds(40);
constexpr absl::Duration kSecondWayLife = absl::Milliseconds(300);
constexpr int kMostSteps = 4;

v1::Key Key(int index) {
  v1::Key key;
  key.set_type(kKeyType);
  key.set_id(KeyId(index));
  return key;
}

std::uint64_t NumberOf(const PipeStep& step) { return step.request.commit().number(); }

}  // namespace

PipeWorker::PipeWorker(int number, std::string session, std::uint64_t seed, RoundContext* context)
    : number_(number),
      session_(std::move(session)),
      context_(context),
      random_(seed),
      prober_(number, session_, context),
      turn_(static_cast<std::size_t>(number)) {}

void PipeWorker::Run() {
  while (AwaitServer()) {
    const int life_ms = std::uniform_int_distribution<int>(kShortestLifeMs, kLongestLifeMs)(random_);
    PipeStream stream(turn_ % context_->addresses.size(), absl::Milliseconds(life_ms), context_);
    if (Attach(&stream)) {
      while (stream.usable() && !context_->stop.HasBeenNotified() && Exchange(&stream)) {
        context_->Linger(kLongestPause * (Roll() / 100.0));
      }
    }
    context_->Linger(kBetweenStreams);
  }
}

bool PipeWorker::AwaitServer() {
  do {
    ++turn_;
    prober_.MoveOn();
    if (prober_.GetLease().ok()) return !context_->stop.HasBeenNotified();
    context_->Linger(kBetweenStreams);
  } while (!context_->stop.HasBeenNotified());
  return false;
}

bool PipeWorker::Attach(PipeStream* stream) {
  // Whoever has lost a session may find out late: an outdated fence must not let it in again.
  const bool late = fence_ == 0 && lost_fence_ != 0 && Roll() < 20;
  const bool anew = fence_ == 0 && !late;
  const auto answers = stream->Do({AttachStep(late ? lost_fence_ : fence_)});
  if (!answers[0].status.ok()) {
    if (client::ReasonOf(answers[0].status) == "STALE_FENCE") Lose();
    return false;
  }
  const v1::PipeAttached& attached = answers[0].result.attached();
  fence_ = attached.lease().fence();
  if (anew) {
    next_number_ = 1;
    pending_.clear();
    applied_.clear();
  }
  while (!pending_.empty() && NumberOf(pending_.front()) <= attached.applied_number()) pending_.pop_front();
  return true;
}

bool PipeWorker::Exchange(PipeStream* stream) {
  if (pending_.empty()) {
    for (int steps = std::uniform_int_distribution<int>(1, kMostSteps)(random_); steps > 0; --steps) {
      pending_.push_back(NextCommit());
    }
  }
  std::vector<PipeStep> steps(pending_.begin(), pending_.end());
  // A late duplicate, which is only to be answered.
  if (!applied_.empty() && Roll() < 25) {
    ++context_->duplicates;
    steps.insert(steps.begin(), applied_.back());
  }
  std::thread second_way;
  if (Roll() < 8) second_way = SendAlsoReversed(steps);
  if (Roll() < 40) steps.push_back(Get());
  if (Roll() < 25) steps.push_back(Renew());
  const std::uint64_t fence = fence_;
  const auto answers = stream->Do(steps);
  if (second_way.joinable()) second_way.join();
  for (std::size_t i = 0; i < steps.size() && fence_ == fence; ++i) Note(steps[i], answers[i]);
  return fence_ == fence;
}

std::thread PipeWorker::SendAlsoReversed(std::vector<PipeStep> steps) {
  context_->duplicates += steps.size();
  if (steps.size() > 1) context_->reordered += steps.size();
  std::reverse(steps.begin(), steps.end());
  const std::size_t server = (turn_ + 1) % context_->addresses.size();
  return std::thread([this, server, attach = AttachStep(fence_), steps = std::move(steps)] {
    PipeStream stream(server, kSecondWayLife, context_);
    // Whatever it is told, the first way finds out by itself.
    if (stream.Do({attach})[0].status.ok()) (void)stream.Do(steps);
  });
}

void PipeWorker::Note(const PipeStep& step, const PipeStream::Answer& answer) {
  if (client::ReasonOf(answer.status) == "STALE_FENCE") return Lose();
  if (!step.request.has_commit() || !answer.status.ok()) return;
  if (!pending_.empty() && NumberOf(pending_.front()) == NumberOf(step)) {
    applied_.assign(1, pending_.front());
    pending_.pop_front();
  }
}

void PipeWorker::Lose() {
  if (fence_ != 0) lost_fence_ = fence_;
  fence_ = 0;
}

PipeStep PipeWorker::AttachStep(std::uint64_t fence) {
  PipeStep step;
  v1::PipeAttach& attach = *step.request.mutable_attach();
  attach.set_session_id(session_);
  attach.set_owner(absl::StrCat("client", number_, ".", ++lives_));
  attach.mutable_ttl()->set_seconds(absl::ToInt64Seconds(context_->ttl));
  attach.set_fence(fence);
  const std::int64_t ttl = absl::ToInt64Nanoseconds(context_->ttl);
  if (fence != 0) {
    step.begun = Begin("renew");
    step.begun.args = {{"fence", fence}, {"ttl", ttl}};
  } else {
    attach.set_steal(Roll() < context_->steals);
    step.begun = Begin("acquire");
    step.begun.args = {{"owner", attach.owner()}, {"ttl", ttl}, {"steal", attach.steal()}};
  }
  return step;
}

PipeStep PipeWorker::NextCommit() {
  PipeStep step;
  step.begun = Begin("commit");
  v1::PipeCommit& commit = *step.request.mutable_commit();
  commit.set_number(next_number_++);
  const std::string value = absl::StrCat(number_, ".", ++values_);
  nlohmann::json sets = nlohmann::json::object();
  nlohmann::json deletes = nlohmann::json::array();
  for (int i = 0; i < kKeys; ++i) {
    const int roll = Roll();
    if (i > 0 && roll < 12) {
      *commit.add_deletes() = Key(i);
      deletes.push_back(KeyId(i));
    } else if (i == 0 || roll < 60) {
      v1::KeyEntry& entry = *commit.add_sets();
      *entry.mutable_key() = Key(i);
      entry.mutable_value()->set_raw(StoredValue(value));
      sets[KeyId(i)] = value;
    }
  }
  if (Roll() < 33) {
    commit.mutable_creds()->set_json(absl::StrCat(R"({"v":")", value, R"("})"));
    sets["creds"] = commit.creds().json();
  }
  step.begun.args = {
      {"fence", fence_}, {"number", commit.number()}, {"sets", std::move(sets)}, {"deletes", std::move(deletes)}};
  return step;
}

PipeStep PipeWorker::Get() const {
  PipeStep step;
  step.begun = Begin("read");
  step.begun.args = {{"fence", fence_}};
  v1::PipeGet& get = *step.request.mutable_get();
  get.set_creds(true);
  v1::KeySelection& keys = *get.add_keys();
  keys.set_type(kKeyType);
  for (int i = 0; i < kKeys; ++i) keys.add_ids(KeyId(i));
  return step;
}

PipeStep PipeWorker::Renew() const {
  PipeStep step;
  step.begun = Begin("renew");
  step.begun.args = {{"fence", fence_}, {"ttl", absl::ToInt64Nanoseconds(context_->ttl)}};
  step.request.mutable_renew()->mutable_ttl()->set_seconds(absl::ToInt64Seconds(context_->ttl));
  return step;
}

Operation PipeWorker::Begin(std::string op) const {
  Operation operation;
  operation.client = number_;
  operation.session = session_;
  operation.op = std::move(op);
  return operation;
}

int PipeWorker::Roll() { return std::uniform_int_distribution<int>(0, 99)(random_); }

}  // namespace authstate::test

#include "storage/decorators/batching_backend.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "storage/batches/batch_room.h"
#include "storage/decorators/gatherer.h"
#include "storage/error.h"
#include "storage/forwarding_backend.h"

namespace authstate::storage {
namespace {

std::size_t BytesOfCommit(const Commit& commit) { return ByteSize(commit); }
std::size_t BytesOfAnswer(const ReadRequest& request) { return request.max_bytes; }

class BatchingBackend final : public ForwardingBackend {
 public:
  BatchingBackend(std::unique_ptr<Backend> inner, const BatchingOptions& options)
      : ForwardingBackend(std::move(inner)),
        read_share_(options.read_share),
        timer_(options.timer != nullptr ? options.timer : std::make_shared<DeadlineTimer>()),
        counts_(options.counts != nullptr ? options.counts : std::make_shared<CallCounts>()),
        commits_(*timer_,
                 {options.limits.calls, options.limits.commits, options.limits.bytes, options.large_call, options.hold},
                 Commits::Order::kBySession, BytesOfCommit, counts_->gathered_commits,
                 [this](auto commits, absl::Time deadline, ApplyDone done) {
                   this->inner().Apply(std::move(commits), deadline, std::move(done));
                 }),
        reads_(*timer_,
               {options.limits.calls, options.limits.reads, options.read_bytes, options.large_call, options.hold},
               Reads::Order::kNone, BytesOfAnswer, counts_->gathered_reads,
               [this](auto requests, absl::Time deadline, ReadDone done) {
                 this->inner().Read(std::move(requests), deadline, std::move(done));
               }) {}

  ~BatchingBackend() override {
    commits_.AwaitIdle();
    reads_.AwaitIdle();
    // Before the gatherers: its threads may still be about to leave one.
    EndInner();
  }
  BatchingBackend(const BatchingBackend&) = delete;
  BatchingBackend& operator=(const BatchingBackend&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    commits_.Add(std::move(commits), deadline, std::move(done));
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    if (requests.size() != 1 || requests[0].max_bytes <= read_share_) {
      return reads_.Add(std::move(requests), deadline, std::move(done));
    }
    std::vector<ReadRequest> asked_first = requests;
    asked_first[0].max_bytes = read_share_;
    reads_.Add(std::move(asked_first), deadline,
               [this, requests = std::move(requests), deadline,
                done = std::move(done)](std::vector<absl::StatusOr<ReadResult>> results) mutable {
                 if (ReasonOf(results[0].status()) != kResponseTooLarge) return std::move(done)(std::move(results));
                 reads_.Add(std::move(requests), deadline, std::move(done));
               });
  }

 private:
  using Commits = Gatherer<Commit, Applied>;
  using Reads = Gatherer<ReadRequest, ReadResult>;

  const std::size_t read_share_;
  const std::shared_ptr<DeadlineTimer> timer_;
  const std::shared_ptr<CallCounts> counts_;
  Commits commits_;
  Reads reads_;
};

}  // namespace

std::unique_ptr<Backend> NewBatchingBackend(std::unique_ptr<Backend> inner, const BatchingOptions& options) {
  return std::make_unique<BatchingBackend>(std::move(inner), options);
}

}  // namespace authstate::storage

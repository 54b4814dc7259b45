#ifndef AUTHSTATE_STORAGE_SQLITE_WRITE_JOB_H_
#define AUTHSTATE_STORAGE_SQLITE_WRITE_JOB_H_

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/sqlite/connection.h"

namespace authstate::storage {

// One call to the writer: a batch of members, each of which changes something or fails on its own. Not thread-safe.
class WriteJob {
 public:
  explicit WriteJob(absl::Time deadline) : deadline_(deadline) {}
  virtual ~WriteJob() = default;
  WriteJob(const WriteJob&) = delete;
  WriteJob& operator=(const WriteJob&) = delete;

  // By when its members have to begin.
  absl::Time deadline() const { return deadline_; }
  // When it came into the queue, if it did: for who counts how long jobs wait.
  absl::Time queued;
  virtual std::size_t size() const = 0;

  // Does the next member at the store's time `now`, inside a savepoint; returns whether it changed something that
  // stays. Throws SQLite::Exception.
  virtual bool DoNext(SqliteConnection& connection, absl::Time now) = 0;
  // The next member failed with this instead of being done, or what it did was undone.
  virtual void FailNext(const absl::Status& status) = 0;
  // Every member, done or not, failed with this.
  virtual void FailAll(const absl::Status& status) = 0;
  // Hands the results over. Once.
  virtual void Answer() = 0;

 private:
  const absl::Time deadline_;
};

// A job of like members, done by `Do`.
template <typename Member, typename Result>
class BatchJob final : public WriteJob {
 public:
  using Do = std::function<absl::StatusOr<Result>(SqliteConnection&, const Member&, absl::Time now)>;
  using Done = absl::AnyInvocable<void(std::vector<absl::StatusOr<Result>>) &&>;

  BatchJob(std::vector<Member> members, absl::Time deadline, Do do_member, Done done)
      : WriteJob(deadline), members_(std::move(members)), do_(std::move(do_member)), done_(std::move(done)) {
    results_.reserve(members_.size());
  }

  std::size_t size() const override { return members_.size(); }

  bool DoNext(SqliteConnection& connection, absl::Time now) override {
    absl::StatusOr<Result> result = do_(connection, members_[results_.size()], now);
    results_.push_back(std::move(result));
    return results_.back().ok();
  }

  void FailNext(const absl::Status& status) override { results_.push_back(status); }
  void FailAll(const absl::Status& status) override { results_.assign(members_.size(), status); }
  void Answer() override { std::move(done_)(std::move(results_)); }

 private:
  const std::vector<Member> members_;
  const Do do_;
  Done done_;
  std::vector<absl::StatusOr<Result>> results_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_SQLITE_WRITE_JOB_H_

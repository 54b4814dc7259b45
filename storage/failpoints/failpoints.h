#ifndef AUTHSTATE_STORAGE_FAILPOINTS_FAILPOINTS_H_
#define AUTHSTATE_STORAGE_FAILPOINTS_FAILPOINTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace authstate::storage {

// Where a test may have the server fail.
enum class Failpoint : std::uint8_t {
  // A commit is about to go to the database.
  kBeforeCommit,
  // A commit is durable; its caller does not know yet.
  kAfterCommit,
  // A lease is about to be renewed, or has been.
  kBeforeRenewal,
  kAfterRenewal,
  // A commit, read or lease request is about to be answered.
  kBeforeReply,
};

struct FailpointOrder {
  enum class Action : std::uint8_t {
    // The process ends as with SIGKILL.
    kCrash,
    // The call fails: before the work with NOT_APPLIED, after it in doubt.
    kError,
    // The call is never answered; before the work, it is not done either.
    kDrop,
    // The call goes on so much later.
    kDelay,
  };

  Action action = Action::kError;
  absl::Duration delay;
};

// Orders from outside the process: files of a directory, each named for its point (`before-commit`, `after-commit`,
// `before-renewal`, `after-renewal`, `before-reply`) and holding `crash`, `error`, `drop` or `delay DURATION`, as in
// `delay 300ms`. An order is carried out once, by whoever gets there first, and its file removed; write it elsewhere
// and rename it into place.
//
// Thread-safe; processes may share a directory.
class Failpoints {
 public:
  // An empty `directory` has no orders.
  explicit Failpoints(std::string directory) : directory_(std::move(directory)) {}

  // Takes the order for `point`. One that cannot be read ends the process: a test must not pass because of a typing
  // error.
  std::optional<FailpointOrder> Take(Failpoint point) const;

 private:
  const std::string directory_;
};

absl::string_view NameOf(Failpoint point);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FAILPOINTS_FAILPOINTS_H_

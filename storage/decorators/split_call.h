#ifndef AUTHSTATE_STORAGE_DECORATORS_SPLIT_CALL_H_
#define AUTHSTATE_STORAGE_DECORATORS_SPLIT_CALL_H_

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace authstate::storage {

// A call for several sessions, whose parts go different ways.
template <typename Request, typename Result>
struct SplitCall {
  using Done = absl::AnyInvocable<void(std::vector<absl::StatusOr<Result>>) &&>;

  SplitCall(std::size_t size, absl::Time by, Done then)
      : results(size), left(size), deadline(by), done(std::move(then)) {}

  void Answer(std::size_t place, absl::StatusOr<Result> result) {
    results[place] = std::move(result);
    if (left.fetch_sub(1) == 1) std::move(done)(std::move(results));
  }

  std::vector<absl::StatusOr<Result>> results;
  std::atomic<std::size_t> left;
  const absl::Time deadline;
  Done done;
};

// Some requests of a call, with their places in it.
template <typename Request>
struct Part {
  std::vector<std::size_t> places;
  std::vector<Request> requests;

  void Add(std::size_t place, Request request) {
    places.push_back(place);
    requests.push_back(std::move(request));
  }
};

template <typename Call, typename Request>
void AnswerAll(Call& call, const Part<Request>& part, const absl::Status& status) {
  for (const std::size_t place : part.places) call.Answer(place, status);
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SPLIT_CALL_H_

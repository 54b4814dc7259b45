#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_LINK_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_LINK_H_

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/backend.h"

namespace authstate::storage {

// The far store, which may not have been reached yet. Thread-safe, but for Open.
class FarLink {
 public:
  using OpenFn = std::function<absl::StatusOr<std::unique_ptr<Backend>>()>;
  // Whether it is the one that is meant.
  using CheckFn = std::function<absl::Status(Backend& far)>;

  FarLink(OpenFn open, CheckFn check) : open_(std::move(open)), check_(std::move(check)) {}

  // Null until Open has succeeded once.
  Backend* get() const { return far_.load(); }

  // Opens it, unless it is. Blocks; called by one thread at a time.
  absl::Status Open();

 private:
  const OpenFn open_;
  const CheckFn check_;
  std::unique_ptr<Backend> owned_;
  std::atomic<Backend*> far_ = nullptr;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_LINK_H_

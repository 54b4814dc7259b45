#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_LINK_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_LINK_H_

#include <atomic>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
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
  absl::Status Open() {
    if (far_.load() != nullptr) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<Backend>> opened = open_();
    if (!opened.ok()) return opened.status();
    if (absl::Status checked = check_(**opened); !checked.ok()) return checked;
    owned_ = *std::move(opened);
    far_.store(owned_.get());
    return absl::OkStatus();
  }

 private:
  const OpenFn open_;
  const CheckFn check_;
  std::unique_ptr<Backend> owned_;
  std::atomic<Backend*> far_ = nullptr;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FAR_LINK_H_

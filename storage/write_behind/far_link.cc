#include "storage/write_behind/far_link.h"

namespace authstate::storage {

absl::Status FarLink::Open() {
  if (far_.load() != nullptr) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<Backend>> opened = open_();
  if (!opened.ok()) return opened.status();
  if (absl::Status checked = check_(**opened); !checked.ok()) return checked;
  owned_ = *std::move(opened);
  far_.store(owned_.get());
  return absl::OkStatus();
}

}  // namespace authstate::storage

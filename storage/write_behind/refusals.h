#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_REFUSALS_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_REFUSALS_H_

#include <functional>
#include <map>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace authstate::storage {

// What was refused, which operators are told once, not with every attempt. Not thread-safe.
class Refusals {
 public:
  explicit Refusals(std::function<void(const std::string& line)> log) : log_(std::move(log)) {}

  // Tells it, unless that was the last that was told of the session, or of the store, which has no id.
  void Tell(const std::string& session_id, const std::string& what, const absl::Status& status) {
    std::string& told = told_[session_id];
    if (told == status.message()) return;
    told = std::string(status.message());
    log_(absl::StrCat(what, ": ", told));
  }
  void Forget(const std::string& session_id) { told_.erase(session_id); }

 private:
  const std::function<void(const std::string& line)> log_;
  std::map<std::string, std::string> told_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_REFUSALS_H_

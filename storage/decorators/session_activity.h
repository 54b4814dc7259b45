#ifndef AUTHSTATE_STORAGE_DECORATORS_SESSION_ACTIVITY_H_
#define AUTHSTATE_STORAGE_DECORATORS_SESSION_ACTIVITY_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace authstate::storage {

// Which sessions have calls under way, so that each can tell whether a change took place beside it. Remembers nothing
// of a session without any. Not thread-safe.
class SessionActivity {
 public:
  // What began, to be ended once. `generation` counts the beginnings and ends of changes.
  struct Ticket {
    std::uint64_t generation = 0;
  };

  Ticket BeginRead(const std::string& session_id) {
    Calls& calls = sessions_[session_id];
    ++calls.reads;
    return {calls.generation};
  }
  Ticket BeginChange(const std::string& session_id) {
    Calls& calls = sessions_[session_id];
    ++calls.changes;
    return {++calls.generation};
  }

  // Whether no change was under way beside it, for however short a time.
  bool EndRead(const std::string& session_id, Ticket ticket) {
    const auto found = sessions_.find(session_id);
    Calls& calls = found->second;
    const bool alone = calls.changes == 0 && calls.generation == ticket.generation;
    --calls.reads;
    Forget(found);
    return alone;
  }
  // Ends a change. Whether no other change was under way meanwhile.
  bool EndChange(const std::string& session_id, Ticket ticket) {
    const auto found = sessions_.find(session_id);
    Calls& calls = found->second;
    const bool alone = calls.changes == 1 && calls.generation == ticket.generation;
    --calls.changes;
    ++calls.generation;
    Forget(found);
    return alone;
  }

 private:
  struct Calls {
    std::uint32_t reads = 0;
    std::uint32_t changes = 0;
    std::uint64_t generation = 0;
  };
  using Sessions = absl::flat_hash_map<std::string, Calls>;

  void Forget(Sessions::iterator session) {
    if (session->second.reads == 0 && session->second.changes == 0) sessions_.erase(session);
  }

  Sessions sessions_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SESSION_ACTIVITY_H_

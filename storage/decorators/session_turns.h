#ifndef AUTHSTATE_STORAGE_DECORATORS_SESSION_TURNS_H_
#define AUTHSTATE_STORAGE_DECORATORS_SESSION_TURNS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace authstate::storage {

// Who may go on with a session: one at a time, in the order in which they came. Not thread-safe.
class SessionTurns {
 public:
  // Somebody who wants some sessions, all at once. Not moved between Queue and GiveBack.
  struct Ticket {
    // Each stands there once.
    std::vector<std::string> sessions;
    // How many of `sessions` others have, or have wanted for longer.
    std::size_t waits_for = 0;
  };

  // Puts the ticket behind all that came before. Returns whether its turn has come.
  bool Queue(Ticket* ticket);

  // Takes the ticket out, whether its turn has come or not. Returns those whose turn has come by that.
  std::vector<Ticket*> GiveBack(Ticket* ticket);

 private:
  // For each session that anybody wants: first the one who has it, then those who wait. Few wait, as a rule nobody.
  absl::flat_hash_map<std::string, std::vector<Ticket*>> queues_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SESSION_TURNS_H_

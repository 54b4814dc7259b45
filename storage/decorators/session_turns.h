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
    // Each once.
    std::vector<std::string> sessions;
    // Of `sessions`, those that others have, or want since longer.
    std::size_t waits_for = 0;
  };

  // Puts the ticket behind all that came before; whether its turn has come.
  bool Queue(Ticket* ticket);

  // Whether its turn has come or not, the ticket is out. Returns those whose turn has come by that.
  std::vector<Ticket*> GiveBack(Ticket* ticket);

 private:
  // Of each session that anybody wants, the one who has it and those who wait. Few wait, as a rule nobody.
  absl::flat_hash_map<std::string, std::vector<Ticket*>> queues_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_DECORATORS_SESSION_TURNS_H_

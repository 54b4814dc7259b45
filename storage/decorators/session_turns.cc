#include "storage/decorators/session_turns.h"

#include <algorithm>

namespace authstate::storage {

bool SessionTurns::Queue(Ticket* ticket) {
  ticket->waits_for = 0;
  for (const std::string& session : ticket->sessions) {
    std::vector<Ticket*>& queue = queues_[session];
    if (!queue.empty()) ++ticket->waits_for;
    queue.push_back(ticket);
  }
  return ticket->waits_for == 0;
}

std::vector<SessionTurns::Ticket*> SessionTurns::GiveBack(Ticket* ticket) {
  std::vector<Ticket*> ready;
  for (const std::string& session : ticket->sessions) {
    const auto found = queues_.find(session);
    std::vector<Ticket*>& queue = found->second;
    const bool had_it = queue.front() == ticket;
    queue.erase(std::find(queue.begin(), queue.end(), ticket));
    if (queue.empty()) {
      queues_.erase(found);
    } else if (had_it && --queue.front()->waits_for == 0) {
      ready.push_back(queue.front());
    }
  }
  return ready;
}

}  // namespace authstate::storage

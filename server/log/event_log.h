#ifndef AUTHSTATE_SERVER_LOG_EVENT_LOG_H_
#define AUTHSTATE_SERVER_LOG_EVENT_LOG_H_

#include <functional>
#include <memory>

#include "absl/strings/string_view.h"
#include "server/log/lease_events.h"
#include "server/log/logging.h"
#include "storage/backend.h"

namespace authstate::server {

// Where a line goes: Log, but in tests.
using WriteLine = std::function<void(LogLevel level, absl::string_view message, const LogFields& fields)>;

// Passes every call on to `inner`, and leaves a line at info for what an operator asks about afterwards: leases gained,
// refused, lost and released (server/log/lease_events.h), and what took state away: a session or creds deleted, all
// keys of a session replaced, as an import does, expired keys purged. Other commits leave none. Lines hold ids, owners
// and numbers, never a value; of each kind at most 100 a second are written.
//
// Thread-safe. `inner` is borrowed, and outlives this; its answers may come after this is gone. `counts` has what
// becomes of leases.
std::unique_ptr<storage::Backend> NewEventLog(storage::Backend* inner, std::shared_ptr<LeaseCounts> counts,
                                              WriteLine write = Log);

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_LOG_EVENT_LOG_H_

#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PUT_BACK_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PUT_BACK_H_

#include <optional>

#include "absl/time/time.h"

namespace authstate::storage {

// Work that gives its connection up before it is done, as it would only wait there (connection_queue.h).
struct PutBack {
  // How long; it goes on then. Nullopt: somebody else has a lock that it needs, and how long nobody knows.
  std::optional<absl::Duration> pause;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PUT_BACK_H_

#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_THREAD_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_THREAD_H_

#include <memory>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/postgres/pg_connection.h"
#include "storage/work_queue.h"

namespace authstate::storage {

// Something to do with a connection; run exactly once. It gets the connection, or why there will be none: then nothing
// of it has been done.
struct ConnectionWork {
  absl::Time deadline;
  absl::AnyInvocable<void(absl::StatusOr<PgConnection*>) &&> run;
};

using ConnectionQueue = WorkQueue<ConnectionWork>;

// Hands the work to the queue; runs it with QueueFull when there is no room. Does not block.
void Enqueue(ConnectionQueue& queue, ConnectionWork work);

// A thread with one connection, working a queue off until that is closed and empty. The queue outlives it.
class ConnectionThread {
 public:
  ConnectionThread(std::unique_ptr<PgConnection> connection, ConnectionQueue& queue);
  // Waits for the end of the queue.
  ~ConnectionThread();
  ConnectionThread(const ConnectionThread&) = delete;
  ConnectionThread& operator=(const ConnectionThread&) = delete;

 private:
  void Run();

  const std::unique_ptr<PgConnection> connection_;
  ConnectionQueue& queue_;
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_THREAD_H_

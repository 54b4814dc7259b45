#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_THREAD_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_THREAD_H_

#include <memory>
#include <thread>

#include "storage/postgres/connection/connection_queue.h"
#include "storage/postgres/connection/pg_connection.h"

namespace authstate::storage {

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
  // Makes the connection that was announced to the queue.
  void Connect();
  void Become(ThreadState state);

  const std::unique_ptr<PgConnection> connection_;
  ConnectionQueue& queue_;
  // As the queue knows it. Only the thread itself uses it.
  ThreadState state_ = ThreadState::kIdle;
  std::thread thread_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_CONNECTION_THREAD_H_

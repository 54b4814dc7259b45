#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_SIGNAL_WATCHER_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_SIGNAL_WATCHER_H_

#include <csignal>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace authstate::cli {

// Turns the first SIGINT, SIGTERM or SIGHUP into a call and a status, so that a command can leave things tidy; the
// second ends the process at once. Signals that the parent process had ignored stay ignored.
//
// To be made before any other thread is: those inherit that the signals are blocked. The destructor restores the
// signals of its thread. Check may be called from any thread.
class SignalWatcher {
 public:
  // Holds the signals back from here on.
  SignalWatcher();
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  // Begins to watch, also for a signal that was held back; to be called once. `on_signal` runs in a thread of the
  // watcher.
  void Start(std::function<void()> on_signal);

  // Cancelled once a signal has come.
  absl::Status Check() const;
  // The same after `duration`, or as soon as one comes.
  absl::Status Sleep(absl::Duration duration) const;

 private:
  void Watch();

  std::function<void()> on_signal_;
  sigset_t watched_{};
  sigset_t before_{};
  int signal_fd_ = -1;
  int stop_fd_ = -1;
  mutable absl::Mutex mutex_;
  bool signalled_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_SIGNAL_WATCHER_H_

#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_SESSION_CLIENT_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_SESSION_CLIENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/fault/linearizability/history.h"

namespace authstate::test {

// What the clients of one round have in common. Outlives them.
struct RoundContext {
  // Where the servers are, each as good as the other.
  std::vector<std::string> addresses;
  // Whether each has a near store; empty: none has.
  std::vector<bool> near_stores;
  // How many acquisitions of a hundred are steals.
  int steals = 6;
  // How long a lease lives.
  absl::Duration ttl = absl::Seconds(1);
  History history;
  // Requests that were sent though they had been sent before, and those of them that came in another order as well.
  std::atomic<std::size_t> duplicates = 0;
  std::atomic<std::size_t> reordered = 0;
  // Notified when the clients shall end.
  absl::Notification stop;

  // Lets some time pass, less when the clients shall end.
  void Linger(absl::Duration time) const { (void)stop.WaitForNotificationWithTimeout(time); }

  // Writes down which server is asked, where that matters.
  void AskedOf(std::size_t server, Operation* operation) const {
    if (near_stores.empty()) return;
    operation->at = static_cast<int>(server) + 1;
    operation->near = near_stores[server];
  }
};

// Whether the call was refused because the session is at home in the near store of another server.
bool IsElsewhere(const absl::Status& status);

// The keys that commits write and reads ask for.
inline constexpr const char* kKeyType = "pre-key";
inline constexpr int kKeys = 4;
std::string KeyId(int index);

// One call of the unary API at a time, each written into the history. It goes to one server until a call fails, and
// then to the other. Not thread-safe.
class SessionClient {
 public:
  SessionClient(int number, std::string session, RoundContext* context);

  // Each returns how the call ended. The mutations return the new fence or revision.
  absl::StatusOr<std::uint64_t> Acquire(const std::string& owner, bool steal);
  absl::Status Renew(std::uint64_t fence);
  absl::Status Release(std::uint64_t fence);
  absl::Status GetLease();
  // Writes `value` into some keys, and perhaps the creds, and deletes others, as `random` has it. Sometimes both
  // servers get the commit at the same time, and sometimes one that was sent before comes again first.
  absl::Status Commit(std::uint64_t fence, const std::string& value, std::mt19937_64& random);
  absl::Status Delete();
  // Under a fence, the keys; without one, the whole session from a snapshot.
  absl::Status ReadKeys(std::uint64_t fence);
  absl::Status Load() { return Load(/*settled=*/false); }
  // `settled`: the session is at home nowhere any more, and every server knows.
  absl::Status Load(bool settled);

  // The other server's turn.
  void MoveOn();

 private:
  // A commit, and how it is written into the history.
  // NOLINTNEXTLINE(bugprone-exception-escape): to move JSON throws nothing, whatever is read into its assertions.
  struct Prepared {
    client::CommitRequest request;
    nlohmann::json args;
  };

  Prepared Prepare(std::uint64_t fence, const std::string& value, std::mt19937_64& random) const;
  // `turn`: which server is asked.
  absl::Status Send(const Prepared& commit, std::size_t turn);
  Operation Begin(std::string op) const { return Begin(std::move(op), turn_); }
  Operation Begin(std::string op, std::size_t turn) const;
  // Writes the operation into the history.
  absl::Status End(Operation operation, const absl::Status& status, bool mutation);
  client::Client& server() { return *servers_[turn_ % servers_.size()]; }

  const int number_;
  const std::string session_;
  RoundContext* const context_;
  std::vector<std::unique_ptr<client::Client>> servers_;
  std::size_t turn_;
  // A commit that was sent to both servers.
  std::optional<Prepared> sent_twice_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_SESSION_CLIENT_H_

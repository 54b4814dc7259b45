#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_RESEALING_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_RESEALING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "keyring/keyring.h"
#include "storage/sealing/session_sealer.h"
#include "tests/fault/linearizability/session_client.h"

namespace authstate::test {

// The keyring of servers that encrypt: keys `a` and `b`, of which one is active.
std::string KeyringText(const char* active);

// What happens to the sessions of a round with encryption while clients use them, until the round ends: their data keys
// are wrapped under another key of the keyring, and sessions are opened and encrypted again. `seed` says which is done
// to whom. The database is reached past the proxies. Joined by End or the destructor; the counts are to be read after
// End.
class Resealing {
 public:
  Resealing(std::string url, std::vector<std::string> sessions, std::uint64_t seed, const RoundContext* context);
  ~Resealing() { End(); }
  Resealing(const Resealing&) = delete;
  Resealing& operator=(const Resealing&) = delete;

  // Waits for the round's end.
  void End();

  std::size_t rewrapped() const { return rewrapped_; }
  // Opened, or encrypted again.
  std::size_t resealed() const { return resealed_; }
  // Damage, which no fault excuses.
  const std::vector<std::string>& damage() const { return damage_; }

 private:
  void Run();
  // Changes one session of the round. Fails as the database does.
  absl::Status Change(storage::SessionSealer& sealer, const std::string& session_id);
  bool OneIn(int times) { return std::uniform_int_distribution<int>(1, times)(random_) == 1; }

  const std::string url_;
  const std::vector<std::string> sessions_;
  const RoundContext* const context_;
  std::mt19937_64 random_;
  std::size_t rewrapped_ = 0;
  std::size_t resealed_ = 0;
  std::vector<std::string> damage_;
  std::thread thread_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_RESEALING_H_

#ifndef AUTHSTATE_TESTS_HOSTILE_ATTACK_TEST_H_
#define AUTHSTATE_TESTS_HOSTILE_ATTACK_TEST_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/config.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/hostile/bystander.h"
#include "tests/hostile/http2_attacker.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {

// What an attacker sends in his `turn`th turn, from 0; empty: nothing more.
using Turns = std::function<std::string(int turn)>;

// A test of an attack on an authstated with a caller beside it that means well. Each ends with ExpectNoHarm.
class AttackTest : public testing::Test {
 protected:
  // What an attack may cost in memory, beyond what the server has when it idles.
  static constexpr std::size_t kMemoryBound = std::size_t{512} << 20;
  // The address sanitizer keeps what was freed, and needs terabytes of addresses: nothing can be said of memory then.
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
  static constexpr bool kMemoryIsMeasured = false;
#else
  static constexpr bool kMemoryIsMeasured = true;
#endif

  void SetUp() override;

  // The options of the server: those of a new SQLite store.
  virtual absl::StatusOr<std::vector<std::string>> Arguments();

  const std::string& address() const { return server_->address(); }
  // What stands before the server's program, if anything; to be set before SetUp.
  std::vector<std::string> launcher_;

  // Sends that over each of so many connections at once, and expects that the server ends each of them.
  void ExpectEnded(int attackers, const Turns& turns);
  // No attack: sends almost the largest message over a line that takes six seconds for it, and returns how the server
  // answers: INVALID_ARGUMENT for want of a `session_id`, once all of it has arrived.
  absl::Status UploadOverASlowLine() const;
  // That the server logs why it ended a connection, or gave up a call.
  void ExpectReason(absl::string_view reason, absl::Duration patience = absl::Seconds(30));

  // That the caller beside the attack was answered throughout, that memory (where it is measured) stayed within its
  // bound, and that a new client is served.
  void ExpectNoHarm();

 private:
  TempDir directory_;
  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Bystander> bystander_;
  std::size_t memory_before_ = 0;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_ATTACK_TEST_H_

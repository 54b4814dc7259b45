// Bytes that are no HTTP/2, or none that means anything.
#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <random>
#include <string>

#include "absl/time/time.h"
#include "tests/hostile/attack_test.h"
#include "tests/hostile/bystander.h"
#include "tests/hostile/http2_attacker.h"

namespace authstate::test {
namespace {

constexpr int kConnections = 100;
constexpr absl::Duration kPatience = absl::Seconds(30);

// The same ones for the same seed.
std::string RandomBytes(std::size_t count, int seed) {
  std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

class GarbageTest : public AttackTest {
 protected:
  // Instead of what a client begins with, over one connection after the other.
  void ExpectEndedByFirstBytes(const std::function<std::string(int connection)>& bytes) {
    for (int i = 0; i < kConnections * AttackRounds(); ++i) {
      Http2Attacker attacker(address());
      attacker.Send(bytes(i));
      EXPECT_TRUE(attacker.AwaitEnd(kPatience)) << i;
    }
    ExpectNoHarm();
  }
};

TEST_F(GarbageTest, RandomBytes) {
  ExpectEndedByFirstBytes([](int connection) { return RandomBytes(4'096, connection); });
}

TEST_F(GarbageTest, Http1) {
  ExpectEndedByFirstBytes([](int) { return "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"; });
}

// A record with a ClientHello (RFC 8446, sections 4.1.2 and 5.1) of random fields.
TEST_F(GarbageTest, ATlsHello) {
  ExpectEndedByFirstBytes([](int connection) {
    return std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + RandomBytes(506, connection);
  });
}

TEST_F(GarbageTest, RandomFrames) {
  for (int round = 0; round < AttackRounds(); ++round) {
    ExpectEnded(2, [round](int turn) { return RandomBytes(65'536, round * 1'000 + turn); });
  }
  ExpectNoHarm();
}

}  // namespace
}  // namespace authstate::test

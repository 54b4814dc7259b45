#include "tests/hostile/attack_test.h"

#include <iostream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "contract/limits.h"
#include "tests/hostile/raw_call.h"
#include "tests/support/process_memory.h"
#include "tests/support/proxy/tcp_proxy.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr std::size_t kSlowBytesPerSecond = kMaxMessageBytes / 6;

// Whether the server ended the connection.
bool Attack(const std::string& address, const Turns& turns) {
  Http2Attacker attacker(address);
  if (!attacker.Begin()) return false;
  const absl::Time give_up = absl::Now() + kPatience;
  for (int turn = 0; absl::Now() < give_up; ++turn) {
    const std::string bytes = turns(turn);
    if (bytes.empty()) return attacker.AwaitEnd(give_up - absl::Now());
    if (!attacker.Send(bytes)) return true;
  }
  return false;
}

}  // namespace

void AttackTest::SetUp() {
  auto arguments = Arguments();
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  TestServer::Options options;
  options.arguments = *std::move(arguments);
  options.launcher = launcher_;
  auto server = TestServer::Create(std::move(options));
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  bystander_ = std::make_unique<Bystander>(address());
  memory_before_ = ResidentMemory(server_->process().pid());
}

absl::StatusOr<std::vector<std::string>> AttackTest::Arguments() {
  return std::vector<std::string>{"--sqlite-path", directory_.File("authstate.db")};
}

void AttackTest::ExpectEnded(int attackers, const Turns& turns) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(attackers));
  for (int i = 0; i < attackers; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(Attack(address(), turns)) << "the server let the attacker go on"; });
  }
  for (std::thread& thread : threads) thread.join();
}

absl::Status AttackTest::UploadOverASlowLine() const {
  int port = 0;
  if (!absl::SimpleAtoi(address().substr(address().rfind(':') + 1), &port)) {
    return absl::InternalError(absl::StrCat("no port in ", address()));
  }
  auto line = TcpProxy::Create(static_cast<std::uint16_t>(port), Protocol::kAny);
  if (!line.ok()) return line.status();
  (*line)->SetRate(kSlowBytesPerSecond);
  const std::string unknown_field("\xfa\x7f\x80\x80\x80\x1f", 6);
  return RawCall(absl::StrCat("127.0.0.1:", (*line)->port()), "SetCreds",
                 unknown_field + std::string(std::size_t{62} << 20, 'x'));
}

void AttackTest::ExpectReason(absl::string_view reason, absl::Duration patience) {
  const auto line = server_->process().WaitForLine(reason, patience, Subprocess::Stream::kStderr);
  EXPECT_TRUE(line.ok()) << line.status();
}

void AttackTest::ExpectNoHarm() {
  EXPECT_EQ(WriteAndRead(NewConnection(address()).get(), "newcomer", 1, kPatience), absl::OkStatus());
  EXPECT_EQ(bystander_->Stop(), absl::OkStatus());
  ASSERT_TRUE(server_->process().running());
  const std::size_t peak = PeakMemory(server_->process().pid());
  if (kMemoryIsMeasured) {
    EXPECT_LE(peak, memory_before_ + kMemoryBound);
  }
  // For the table of README.md.
  std::cout << "memory: " << (memory_before_ >> 20) << " MiB before, " << (peak >> 20) << " MiB at most, "
            << (ResidentMemory(server_->process().pid()) >> 20) << " MiB now; beside it: " << bystander_->Summary()
            << '\n';
}

}  // namespace authstate::test

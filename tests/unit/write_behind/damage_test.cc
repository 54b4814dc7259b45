// One bit of a near store's file is another, wherever it stands: what is read of a session at home is what was written,
// or an error.
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/memory/memory_backend.h"
#include "tests/unit/write_behind/tier.h"

namespace authstate::storage {
namespace {

constexpr int kFlips = 100;
constexpr int kSessions = 8;
constexpr int kKeys = 6;
constexpr int kBitsOfByte = 8;

std::string SessionId(int number) { return absl::StrCat("session", number); }
std::string ValueOf(int session, int key) { return absl::StrCat("value ", session, ".", key, std::string(200, 'v')); }

class DamageTest : public testing::Test {
 protected:
  // Sessions at home, with keys that are flushed and keys that are not; the server has ended.
  void SetUp() override {
    ASSERT_TRUE(server_.Open().ok());
    std::vector<std::uint64_t> fences;
    for (int i = 0; i < kSessions; ++i) {
      fences.push_back(server_.Acquire(SessionId(i), "owner"));
      SetKeys(i, fences.back(), 0, kKeys / 2);
      AwaitSame(server_.backend(), *far_, SessionId(i));
    }
    server_.far().mode = FarBehaviour::kAway;
    for (int i = 0; i < kSessions; ++i) SetKeys(i, fences[static_cast<std::size_t>(i)], kKeys / 2, kKeys);
    server_.options().stop_timeout = absl::ZeroDuration();
    server_.Close();
    std::ifstream file(server_.path(), std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
  }

  void SetKeys(int session, std::uint64_t fence, int from, int to) {
    for (int key = from; key < to; ++key) {
      ASSERT_TRUE(server_.Apply(SetKey(SessionId(session), fence, std::to_string(key), ValueOf(session, key))).ok());
    }
  }

  void WriteFile(const std::string& bytes) {
    for (const char* const end : {"-wal", "-shm"}) std::filesystem::remove(server_.path() + end);
    std::ofstream(server_.path(), std::ios::binary | std::ios::trunc) << bytes;
  }

  // Reads all keys; how many of them are what was written. The others are errors.
  int CountSound() {
    int sound = 0;
    for (int i = 0; i < kSessions; ++i) {
      for (int key = 0; key < kKeys; ++key) {
        ReadRequest request;
        request.session_id = SessionId(i);
        request.keys = {{"t", std::to_string(key)}};
        const auto read = AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
            [&](auto done) { server_.backend().Read({request}, absl::Now() + absl::Minutes(1), std::move(done)); });
        if (!read.front().ok()) continue;
        const std::optional<Value>& value = read.front()->values.front();
        EXPECT_TRUE(value.has_value()) << SessionId(i) << ", key " << key << " is absent";
        EXPECT_EQ(value.has_value() ? value->bytes : "", ValueOf(i, key));
        ++sound;
      }
    }
    return sound;
  }

  const std::unique_ptr<Backend> far_ = NewMemoryBackend();
  Server server_{far_.get()};
  std::string bytes_;
};

TEST_F(DamageTest, FlippedBitIsNeverAnotherValueNorAbsence) {
  WriteFile(bytes_);
  ASSERT_TRUE(server_.Open().ok());
  ASSERT_EQ(CountSound(), kSessions * kKeys);
  server_.Close();
  std::mt19937 random;  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same bits in every run
  int refused = 0;
  int noticed = 0;
  for (int i = 0; i < kFlips && !HasFailure(); ++i) {
    std::string damaged = bytes_;
    const std::size_t place = random() % damaged.size();
    const int bit = static_cast<int>(random() % kBitsOfByte);
    damaged[place] = static_cast<char>(damaged[place] ^ (1 << bit));
    WriteFile(damaged);
    SCOPED_TRACE(absl::StrCat("byte ", place, ", bit ", bit));
    if (!server_.Open().ok()) {
      ++refused;
      continue;
    }
    if (CountSound() < kSessions * kKeys) ++noticed;
    server_.Close();
  }
  std::cout << kFlips << " bits: " << refused << " files refused, " << noticed << " with keys that are errors\n";
  EXPECT_GT(noticed, 0);
}

}  // namespace
}  // namespace authstate::storage

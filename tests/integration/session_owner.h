#ifndef AUTHSTATE_TESTS_INTEGRATION_SESSION_OWNER_H_
#define AUTHSTATE_TESTS_INTEGRATION_SESSION_OWNER_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"

namespace authstate::test {

// Owns a session, and commits one count after the other to it, to a few hundred keys in turn and to one that always has
// the last. Any call that fails, or is answered as another state of the session would be, fails the test.
class SessionOwner {
 public:
  SessionOwner(const std::string& address, std::string session_id)
      : session_id_(std::move(session_id)), client_(At(address)) {
    auto lease = client_.AcquireLease(session_id_, "pool", kTtl);
    EXPECT_TRUE(lease.ok()) << lease.status();
    if (!lease.ok()) return;
    fence_ = lease->fence;
    thread_ = std::thread([this] { Run(); });
  }
  ~SessionOwner() { Stop(); }
  SessionOwner(const SessionOwner&) = delete;
  SessionOwner& operator=(const SessionOwner&) = delete;

  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // So many were acknowledged.
  std::uint64_t commits() const { return count_; }
  void AwaitMore(std::uint64_t commits) const {
    const std::uint64_t wanted = count_ + commits;
    const absl::Time give_up = absl::Now() + absl::Minutes(1);
    while (count_ < wanted && !failed_ && absl::Now() < give_up) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_GE(count_, wanted);
  }

  // After Stop: the server at `address` has everything that was acknowledged, and the lease is still the same.
  void Check(const std::string& address) const {
    client::Client client(At(address));
    auto lease = client.GetLease(session_id_);
    ASSERT_TRUE(lease.ok()) << lease.status();
    EXPECT_EQ(lease->fence, fence_);
    EXPECT_EQ(lease->owner, "pool");
    std::vector<client::KeyName> names{{"session", "current"}};
    for (std::uint64_t key = 0; key < kKeys; ++key) names.push_back({"pre-key", absl::StrCat(key)});
    auto keys = client.GetKeys(session_id_, names);
    ASSERT_TRUE(keys.ok()) << keys.status();
    EXPECT_EQ(keys->revision, count_);
    std::vector<std::string> found;
    for (const client::KeyEntry& key : keys->found) found.push_back(absl::StrCat(key.name.id, "=", key.value.bytes));
    std::vector<std::string> acknowledged{absl::StrCat("current=", count_.load())};
    for (std::uint64_t count = count_ - std::min(count_.load(), kKeys) + 1; count <= count_; ++count) {
      acknowledged.push_back(absl::StrCat(count % kKeys, "=", count));
    }
    std::sort(found.begin(), found.end());
    std::sort(acknowledged.begin(), acknowledged.end());
    EXPECT_EQ(found, acknowledged) << session_id_;
  }

 private:
  // It outlives a test on a busy machine.
  static constexpr absl::Duration kTtl = absl::Minutes(10);
  static constexpr std::uint64_t kKeys = 300;

  static client::ClientOptions At(const std::string& address) {
    client::ClientOptions options;
    options.address = address;
    options.deadline = absl::Seconds(30);
    options.patience = absl::ZeroDuration();
    return options;
  }

  void Run() {
    while (!stop_) {
      const std::uint64_t next = count_ + 1;
      const std::string value = absl::StrCat(next);
      client::CommitRequest commit;
      commit.session_id = session_id_;
      commit.commit_id = 1'000 + next;
      commit.fence = fence_;
      commit.expected_revision = count_;
      commit.sets = {{{"pre-key", absl::StrCat(next % kKeys)}, {ValueKind::kRaw, value}},
                     {{"session", "current"}, {ValueKind::kRaw, value}}};
      // Every now and then twice, as after a lost reply.
      for (int attempt = 0; attempt < (next % 5 == 0 ? 2 : 1); ++attempt) {
        const auto revision = client_.Commit(commit);
        if (!revision.ok() || *revision != next) return Fail(absl::StrCat("commit: ", revision.status().ToString()));
      }
      count_ = next;
      if (next % 20 == 0) {
        const auto renewed = client_.RenewLease(session_id_, fence_, kTtl);
        if (!renewed.ok()) return Fail(renewed.status().ToString());
      }
    }
  }
  void Fail(const std::string& why) {
    failed_ = true;
    ADD_FAILURE() << session_id_ << ": " << why;
  }

  const std::string session_id_;
  client::Client client_;
  std::uint64_t fence_ = 0;
  std::atomic<std::uint64_t> count_ = 0;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> failed_ = false;
  std::thread thread_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_SESSION_OWNER_H_

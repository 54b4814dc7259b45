#ifndef AUTHSTATE_TESTS_UNIT_SERVER_ACCESS_TEST_H_
#define AUTHSTATE_TESTS_UNIT_SERVER_ACCESS_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/access/access_watch.h"
#include "server/access/caller.h"
#include "storage/deadline_timer.h"
#include "storage/error.h"
#include "tests/unit/server/fake_grants.h"

namespace authstate::server {

inline constexpr storage::Rights kRead = static_cast<storage::Rights>(storage::Right::kRead);
inline constexpr storage::Rights kWrite = static_cast<storage::Rights>(storage::Right::kWrite);

// `ok`, or the reason of a failure.
inline std::string ReasonOf(const absl::Status& status) {
  return status.ok() ? "ok" : storage::ReasonOf(status).value_or(status.ToString());
}

// A watch over grants that asks when the test says so, by a clock that the test moves: this server's, an hour behind
// that of the database.
class AccessTest : public testing::Test {
 protected:
  static constexpr absl::Duration kBehind = absl::Hours(1);

  void Open(bool may_be_open = true) {
    AccessWatch::Options options;
    options.may_be_open = may_be_open;
    options.interval = absl::InfiniteDuration();
    options.clock = [this] { return here_; };
    auto watch = AccessWatch::Create(&store_, timer_, std::move(options));
    ASSERT_TRUE(watch.ok()) << watch.status();
    watch_ = *std::move(watch);
  }

  // Time passes, for both clocks.
  void Pass(absl::Duration duration) {
    here_ += duration;
    store_.now += duration;
  }

  void Refresh() {
    watch_->Refresh([] {});
  }

  std::unique_ptr<Caller> Showing(const tokens::Token& token) {
    Credentials shown;
    shown.has_token = true;
    shown.token = tokens::Token::Parse(token.Text());
    return std::make_unique<Caller>(*watch_, std::move(shown));
  }
  std::unique_ptr<Caller> WithCertificate(std::vector<std::string> names) {
    Credentials shown;
    shown.certificate_names = std::move(names);
    return std::make_unique<Caller>(*watch_, std::move(shown));
  }

  FakeGrants store_;
  absl::Time here_ = store_.now - kBehind;
  storage::DeadlineTimer timer_;
  std::unique_ptr<AccessWatch> watch_;
  const tokens::Token token_ = tokens::Token::New();
};

}  // namespace authstate::server

#endif  // AUTHSTATE_TESTS_UNIT_SERVER_ACCESS_TEST_H_

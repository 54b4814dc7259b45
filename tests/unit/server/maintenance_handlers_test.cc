#include "server/handlers/maintenance_handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "server/handlers/request_error.h"
#include "storage/memory/memory_backend.h"

namespace authstate::server {
namespace {

using testing::ElementsAre;

class MaintenanceHandlersTest : public testing::Test {
 protected:
  template <typename Response, typename Request>
  absl::StatusOr<Response> Ask(const Request& request) {
    absl::StatusOr<Response> answer = absl::UnknownError("no answer");
    handlers_.Handle(request, absl::InfiniteFuture(),
                     [&answer](absl::StatusOr<Response> given) { answer = std::move(given); });
    return answer;
  }
  absl::StatusOr<v1::BeginMaintenanceResponse> Begin(const v1::BeginMaintenanceRequest& request) {
    return Ask<v1::BeginMaintenanceResponse>(request);
  }
  // The field that the request is refused for.
  std::string RefusedField(const v1::BeginMaintenanceRequest& request) {
    const auto begun = Begin(request);
    EXPECT_FALSE(Ask<v1::GetMaintenanceResponse>(v1::GetMaintenanceRequest())->has_maintenance());
    return FieldOf(begun.status()).value_or("");
  }
  static v1::BeginMaintenanceRequest Backup() {
    v1::BeginMaintenanceRequest request;
    request.set_reason("backup");
    return request;
  }

  const std::unique_ptr<storage::Backend> backend_ = storage::NewMemoryBackend();
  storage::MaintenanceState state_;
  MaintenanceHandlers handlers_{backend_.get(), [this] { return state_; }};
};

TEST_F(MaintenanceHandlersTest, WhatIsBegunIsToldUntilItIsEnded) {
  v1::BeginMaintenanceRequest request = Backup();
  request.mutable_hold()->set_nanos(500'000'000);
  request.add_allowed_prefixes("test-");
  state_.held = 2;
  const auto begun = Begin(request);
  ASSERT_TRUE(begun.ok()) << begun.status();
  const auto present = Ask<v1::GetMaintenanceResponse>(v1::GetMaintenanceRequest());
  ASSERT_TRUE(present.ok()) << present.status();
  for (const v1::Maintenance* const told : {&begun->maintenance(), &present->maintenance()}) {
    EXPECT_EQ(told->reason(), "backup");
    EXPECT_EQ(told->hold().nanos(), 500'000'000);
    EXPECT_THAT(told->allowed_prefixes(), ElementsAre("test-"));
    EXPECT_EQ(told->held_writes(), 2U);
    EXPECT_GT(told->begin_time().seconds(), 0);
  }
  ASSERT_TRUE(Ask<v1::EndMaintenanceResponse>(v1::EndMaintenanceRequest()).ok());
  EXPECT_FALSE(Ask<v1::GetMaintenanceResponse>(v1::GetMaintenanceRequest())->has_maintenance());
}

TEST_F(MaintenanceHandlersTest, HowLongItTakesToSettleIsToldOfTheTermsThatTheStoreHas) {
  const auto settle_seconds = [this] {
    const auto told = Ask<v1::GetMaintenanceResponse>(v1::GetMaintenanceRequest());
    return told.ok() ? told->maintenance().settle_time().seconds() : -1;
  };
  constexpr std::int64_t kWhole = 4;
  ASSERT_TRUE(Begin(Backup()).ok());
  EXPECT_EQ(settle_seconds(), kWhole) << "this server has not heard of it";
  storage::GrantRequest get;
  get.action = storage::GrantRequest::Action::kGetMaintenance;
  backend_->Grants(get, absl::InfiniteFuture(),
                   [this](const auto& answer) { state_.maintenance = answer->maintenance; });
  state_.settle_time = absl::Seconds(2);
  EXPECT_EQ(settle_seconds(), 2);
  state_.maintenance->allowed = {{"test-", true}};
  state_.settle_time = absl::ZeroDuration();
  EXPECT_EQ(settle_seconds(), kWhole) << "it has heard of other terms";
}

TEST_F(MaintenanceHandlersTest, ACallIsHeldForHalfAMinuteUnlessTheRequestSaysOtherwise) {
  EXPECT_EQ(Begin(Backup())->maintenance().hold().seconds(), 30);
}

TEST_F(MaintenanceHandlersTest, AReasonIsATextOfOneLine) {
  v1::BeginMaintenanceRequest request;
  EXPECT_EQ(RefusedField(request), "reason");
  request.set_reason(std::string(201, 'a'));
  EXPECT_EQ(RefusedField(request), "reason");
  request.set_reason("two\nlines");
  EXPECT_EQ(RefusedField(request), "reason");
  request.set_reason(std::string(200, 'a'));
  EXPECT_TRUE(Begin(request).ok());
}

TEST_F(MaintenanceHandlersTest, ACallIsHeldForAnHourAtMost) {
  v1::BeginMaintenanceRequest request = Backup();
  request.mutable_hold()->set_seconds(3'601);
  EXPECT_EQ(RefusedField(request), "hold");
  request.mutable_hold()->set_seconds(-1);
  EXPECT_EQ(RefusedField(request), "hold");
  request.mutable_hold()->set_seconds(3'600);
  EXPECT_TRUE(Begin(request).ok());
}

TEST_F(MaintenanceHandlersTest, APrefixIsHowAnIdMayBeginAndNeverEmpty) {
  v1::BeginMaintenanceRequest request = Backup();
  request.add_allowed_prefixes("test-");
  request.add_allowed_prefixes("");
  EXPECT_EQ(RefusedField(request), "allowed_prefixes[1]");
  request.set_allowed_prefixes(1, "a b");
  EXPECT_EQ(RefusedField(request), "allowed_prefixes[1]");
  for (int i = 0; i < 100; ++i) request.add_allowed_prefixes("more");
  EXPECT_EQ(RefusedField(request), "allowed_prefixes");
}

}  // namespace
}  // namespace authstate::server

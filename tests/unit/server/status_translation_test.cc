#include "server/rpc/status_translation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/handlers/request_error.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

google::rpc::ErrorInfo InfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  google::rpc::ErrorInfo info;
  EXPECT_GE(details.details_size(), 1);
  EXPECT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.domain(), "authstate");
  return info;
}

TEST(TranslateStatusTest, SuccessIsSuccess) { EXPECT_TRUE(TranslateStatus(absl::OkStatus(), "r", true).ok()); }

TEST(TranslateStatusTest, AFieldAtFaultIsNamed) {
  const grpc::Status status = TranslateStatus(InvalidField("sets[3].key.id", "empty"), "req-1", /*mutation=*/true);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const google::rpc::ErrorInfo info = InfoOf(status);
  EXPECT_EQ(info.reason(), "INVALID_FIELD");
  EXPECT_EQ(info.metadata().at("field"), "sets[3].key.id");
  EXPECT_EQ(info.metadata().at("outcome"), "NOT_APPLIED");
  EXPECT_EQ(info.metadata().at("request_id"), "req-1");
}

TEST(TranslateStatusTest, AReadHasNoOutcome) {
  const google::rpc::ErrorInfo info = InfoOf(TranslateStatus(storage::NoCreds(4), "r", /*mutation=*/false));
  EXPECT_EQ(info.reason(), "NO_CREDS");
  EXPECT_EQ(info.metadata().at("revision"), "4");
  EXPECT_EQ(info.metadata().count("outcome"), 0U);
}

TEST(TranslateStatusTest, AMutationThatDoesNotSayIsInDoubt) {
  const absl::Status silent =
      storage::Error(absl::StatusCode::kUnavailable, storage::kDatabaseUnavailable, "the database is away");
  EXPECT_EQ(InfoOf(TranslateStatus(silent, "r", /*mutation=*/true)).metadata().at("outcome"), "UNKNOWN");
  const absl::Status known = storage::WithOutcome(silent, storage::Outcome::kNotApplied);
  EXPECT_EQ(InfoOf(TranslateStatus(known, "r", /*mutation=*/true)).metadata().at("outcome"), "NOT_APPLIED");
}

TEST(TranslateStatusTest, ARetryDelayIsToldInFull) {
  const absl::Status away = storage::WithRetryDelay(
      storage::Error(absl::StatusCode::kUnavailable, storage::kDatabaseUnavailable, "away"), absl::Milliseconds(1500));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(TranslateStatus(away, "r", false).error_details()));
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(TranslateStatusTest, AnUnmappedErrorIsHidden) {
  const absl::Status unmapped = absl::NotFoundError("relation \"secret\" does not exist");
  EXPECT_TRUE(IsUnmapped(unmapped));
  const grpc::Status status = TranslateStatus(unmapped, "req-9", false);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), Not(HasSubstr("secret")));
  EXPECT_THAT(status.error_message(), HasSubstr("req-9"));
}

}  // namespace
}  // namespace authstate::server

#include "tests/fault/linearizability/history.h"

#include <google/protobuf/any.pb.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include <string>

#include "client/cpp/status_translation.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace authstate::test {
namespace {

absl::Status StaleFence(const std::string& outcome) {
  google::rpc::ErrorInfo info;
  info.set_domain("authstate");
  info.set_reason("STALE_FENCE");
  (*info.mutable_metadata())["outcome"] = outcome;
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return client::FromGrpcStatus(
      grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "stale", details.SerializeAsString()));
}

std::string ResultOf(const absl::Status& status, bool mutation) {
  Operation operation;
  SetResult(status, mutation, &operation);
  return operation.result;
}

TEST(HistoryTest, RefusalThatWasNotAppliedIsARefusal) {
  EXPECT_EQ(ResultOf(StaleFence("NOT_APPLIED"), /*mutation=*/true), "refused");
}

// A release that the server repeated finds the fence that its first try has made stale.
TEST(HistoryTest, RefusalInDoubtIsADoubt) { EXPECT_EQ(ResultOf(StaleFence("UNKNOWN"), /*mutation=*/true), "unknown"); }

TEST(HistoryTest, OutageLeavesAMutationInDoubtAndFailsARead) {
  EXPECT_EQ(ResultOf(absl::UnavailableError("the connection broke"), /*mutation=*/true), "unknown");
  EXPECT_EQ(ResultOf(absl::UnavailableError("the connection broke"), /*mutation=*/false), "failed");
}

}  // namespace
}  // namespace authstate::test

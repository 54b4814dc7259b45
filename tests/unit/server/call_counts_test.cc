#include "server/rpc/call_counts.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "authstate/v1/admin_service.pb.h"
#include "authstate/v1/auth_state_service.pb.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

std::vector<std::string> MethodsOf(const google::protobuf::FileDescriptor* file) {
  std::vector<std::string> names;
  for (int i = 0; i < file->service_count(); ++i) {
    const google::protobuf::ServiceDescriptor* const service = file->service(i);
    for (int j = 0; j < service->method_count(); ++j) {
      names.push_back(absl::StrCat(service->full_name(), "/", service->method(j)->name()));
    }
  }
  return names;
}

TEST(CallCountsTest, HasEveryMethodOfTheContract) {
  std::vector<std::string> all = MethodsOf(v1::GetServerInfoRequest::descriptor()->file());
  for (const std::string& name : MethodsOf(v1::GetCredsRequest::descriptor()->file())) all.push_back(name);
  std::vector<std::string> counted;
  const CallCounts counts;
  for (const CallCounts::OfMethod& call : counts.methods())
    counted.push_back(absl::StrCat(call.service, "/", call.method));
  EXPECT_THAT(counted, testing::UnorderedElementsAreArray(all));
}

TEST(CallCountsTest, CountsByTheCodeThatCallersAreTold) {
  CallCounts counts;
  CallCounts::OfMethod& call = counts.Of(rpc::kGetKeys);
  counts.End(call, absl::OkStatus(), absl::Milliseconds(1));
  counts.End(call, storage::NoSession(0), absl::Milliseconds(1));
  // Without a reason it is a fault of ours, and callers are told INTERNAL.
  counts.End(call, absl::NotFoundError("bug"), absl::Seconds(100));
  EXPECT_EQ(call.ended[0], 1);
  EXPECT_EQ(call.ended[static_cast<int>(absl::StatusCode::kNotFound)], 1);
  EXPECT_EQ(call.ended[static_cast<int>(absl::StatusCode::kInternal)], 1);
  EXPECT_EQ(call.seconds.count(call.seconds.bounds().size()), 1);
  EXPECT_EQ(counts.Of(rpc::kGetCreds).ended[0], 0);
}

TEST(CallCountsTest, WhoIsRefusedCountsByReasonWhateverWasAskedFor) {
  CallCounts counts;
  counts.End(counts.Of(rpc::kCommit), UnknownToken(), absl::ZeroDuration());
  counts.EndOperation(3, SessionOutOfScope());
  counts.EndOperation(3, absl::OkStatus());
  for (std::size_t i = 0; i < std::size(kRefusals); ++i) {
    EXPECT_EQ(counts.refused(i), kRefusals[i] == kBadToken || kRefusals[i] == kSessionOutOfScope ? 1 : 0)
        << kRefusals[i];
  }
  EXPECT_EQ(counts.operation(3)[0], 1);
  EXPECT_EQ(counts.operation(3)[static_cast<int>(absl::StatusCode::kPermissionDenied)], 1);
}

}  // namespace
}  // namespace authstate::server

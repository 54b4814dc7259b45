#include "tests/integration/generic_call.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

}  // namespace

CallOutcome OutcomeOf(const grpc::Status& status) {
  CallOutcome outcome{status.error_code(), status.error_message(), "", ""};
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) || details.details_size() == 0) return outcome;
  if (!details.details(0).UnpackTo(&info)) return outcome;
  outcome.reason = info.reason();
  const auto said = info.metadata().find("outcome");
  if (said != info.metadata().end()) outcome.outcome = said->second;
  return outcome;
}

CallOutcome Call(const std::shared_ptr<grpc::Channel>& channel, const google::protobuf::MethodDescriptor& method,
                 const google::protobuf::Message& request, const std::string& authorization) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  (void)grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(request, &bytes, &own_buffer);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  if (!authorization.empty()) context.AddMetadata("authorization", authorization);
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const auto done = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call =
      stub.PrepareCall(&context, absl::StrCat("/", method.service()->full_name(), "/", method.name()), &queue);
  call->StartCall(nullptr);
  bool going = done();
  if (going) {
    call->WriteLast(bytes, grpc::WriteOptions(), nullptr);
    going = done();
  }
  grpc::ByteBuffer answer;
  while (going) {
    call->Read(&answer, nullptr);
    going = done();
  }
  grpc::Status status;
  call->Finish(&status, nullptr);
  (void)done();
  return OutcomeOf(status);
}

}  // namespace authstate::test

#ifndef AUTHSTATE_TESTS_INTEGRATION_PIPE_CALLER_H_
#define AUTHSTATE_TESTS_INTEGRATION_PIPE_CALLER_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace authstate::test {

// One stream of Pipe, over a connection of its own unless one is given. One thread may send while another receives.
class PipeCaller {
 public:
  explicit PipeCaller(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    Open(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  // `authorization`: the value of the metadata; empty: none is sent.
  PipeCaller(const std::shared_ptr<grpc::Channel>& channel, const std::string& authorization) {
    if (!authorization.empty()) context_.AddMetadata("authorization", authorization);
    Open(channel);
  }
  ~PipeCaller() {
    context_.TryCancel();
    if (!finished_) (void)stream_->Finish();
  }
  PipeCaller(const PipeCaller&) = delete;
  PipeCaller& operator=(const PipeCaller&) = delete;

  // False once the stream is over.
  bool Send(const v1::PipeRequest& request) { return stream_->Write(request); }
  bool DoneSending() { return stream_->WritesDone(); }

  // The next message; false once the stream is over.
  bool Receive(v1::PipeResponse* response) { return stream_->Read(response); }

  // Until `count` answers have come or the stream is over.
  std::vector<v1::PipeResult> ReceiveAnswers(std::size_t count) {
    std::vector<v1::PipeResult> answers;
    v1::PipeResponse response;
    while (answers.size() < count && Receive(&response)) {
      draining_ = draining_ || response.draining();
      for (v1::PipeResult& result : *response.mutable_results()) answers.push_back(std::move(result));
    }
    return answers;
  }

  std::vector<v1::PipeResult> Call(const v1::PipeRequest& request) {
    const auto count = static_cast<std::size_t>(request.operations_size());
    if (!Send(request)) return {};
    return ReceiveAnswers(count);
  }

  grpc::Status Finish() {
    finished_ = true;
    return stream_->Finish();
  }

  // Whether ReceiveAnswers has met the word that the server drains.
  bool draining() const { return draining_; }

 private:
  void Open(const std::shared_ptr<grpc::Channel>& channel) {
    stub_ = v1::AuthStateService::NewStub(channel);
    context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(5)));
    stream_ = stub_->Pipe(&context_);
  }

  std::unique_ptr<v1::AuthStateService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PipeRequest, v1::PipeResponse>> stream_;
  bool finished_ = false;
  bool draining_ = false;
};

// What a failed call or operation says, from its google.rpc.ErrorInfo.
inline google::rpc::ErrorInfo ErrorInfoOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  if (status.details_size() > 0) status.details(0).UnpackTo(&info);
  return info;
}

inline google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status) {
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  return ErrorInfoOf(details);
}

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_PIPE_CALLER_H_

#include "tests/hostile/bystander.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/support/fault_rounds.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(10);
constexpr absl::Duration kConnectPatience = absl::Seconds(10);
// The pace of a caller that asks a hundred times a second; nothing is waited for by it.
constexpr absl::Duration kPause = absl::Milliseconds(10);

absl::Status AsStatus(const grpc::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()), absl::StrCat(what, ": ", status.error_message())};
}

}  // namespace

int AttackRounds() { return FaultRounds().value_or(1); }

std::unique_ptr<v1::AuthStateService::Stub> NewConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // A connection that is refused is tried again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
  const auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  (void)channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kConnectPatience));
  return v1::AuthStateService::NewStub(channel);
}

absl::Status WriteAndRead(v1::AuthStateService::Stub* stub, const std::string& session_id, int number,
                          absl::Duration deadline) {
  const std::string json = absl::StrCat("{\"n\":", number, "}");
  {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    v1::SetCredsRequest request;
    request.set_session_id(session_id);
    request.mutable_creds()->set_json(json);
    v1::SetCredsResponse response;
    absl::Status written = AsStatus(stub->SetCreds(&context, request, &response), "SetCreds");
    if (!written.ok()) return written;
  }
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  v1::GetCredsRequest request;
  request.set_session_id(session_id);
  v1::GetCredsResponse response;
  absl::Status read = AsStatus(stub->GetCreds(&context, request, &response), "GetCreds");
  if (!read.ok()) return read;
  if (response.creds().json() != json) return absl::DataLossError(absl::StrCat("read ", response.creds().json()));
  return absl::OkStatus();
}

Bystander::Bystander(const std::string& address) : stub_(NewConnection(address)) {
  first_failure_ = Round();
  thread_ = std::thread([this] { Run(); });
}

Bystander::~Bystander() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

absl::Status Bystander::Stop() {
  stopping_ = true;
  thread_.join();
  return first_failure_;
}

void Bystander::Run() {
  while (!stopping_) {
    absl::SleepFor(kPause);
    first_failure_.Update(Round());
  }
}

absl::Status Bystander::Round() {
  const absl::Time start = absl::Now();
  absl::Status status = WriteAndRead(stub_.get(), "bystander", rounds_++, kDeadline);
  durations_.push_back(absl::Now() - start);
  return status;
}

std::string Bystander::Summary() const {
  std::vector<absl::Duration> sorted = durations_;
  std::sort(sorted.begin(), sorted.end());
  const auto ms = [&sorted](std::size_t percent) {
    return absl::ToDoubleMilliseconds(sorted[(sorted.size() - 1) * percent / 100]);
  };
  return absl::StrFormat("%d rounds, p50 %.1f ms, p99 %.1f ms, at most %.1f ms", sorted.size(), ms(50), ms(99),
                         ms(100));
}

}  // namespace authstate::test

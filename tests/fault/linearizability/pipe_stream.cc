#include "tests/fault/linearizability/pipe_stream.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "client/cpp/status_translation.h"
#include "tests/fault/linearizability/stored_value.h"

namespace authstate::test {
namespace {

// An answer that does not come within this time after the stream's useful life does not come.
constexpr absl::Duration kGrace = absl::Milliseconds(500);

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A connection of its own, as that of another process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

bool IsMutation(const v1::PipeOperation& operation) { return !operation.has_get() && !operation.has_detach(); }

nlohmann::json RevisionAndLease(const v1::PipeAttached& attached) {
  return {{"fence", attached.lease().fence()},
          {"owner", attached.lease().owner()},
          {"revision", attached.revision()},
          {"applied", attached.applied_number()}};
}

nlohmann::json ValuesOf(const v1::PipeGot& got) {
  nlohmann::json values = {{"creds", nullptr}};
  if (got.has_creds()) values["creds"] = got.creds().json();
  for (const v1::Key& key : got.absent()) values[key.id()] = nullptr;
  for (const v1::KeyEntry& entry : got.found()) values[entry.key().id()] = NameOfStoredValue(entry.value().raw());
  return {{"revision", got.revision()}, {"values", std::move(values)}};
}

nlohmann::json ReplyOf(const v1::PipeResult& result) {
  switch (result.result_case()) {
    case v1::PipeResult::kAttached:
      return RevisionAndLease(result.attached());
    case v1::PipeResult::kGot:
      return ValuesOf(result.got());
    case v1::PipeResult::kCommitted:
      return {{"revision", result.committed().revision()}};
    case v1::PipeResult::kRenewed:
      return {{"fence", result.renewed().lease().fence()}, {"owner", result.renewed().lease().owner()}};
    default:
      return nlohmann::json::object();
  }
}

absl::Status StatusOf(const v1::PipeResult& result) {
  if (!result.has_error()) return absl::OkStatus();
  return client::FromGrpcStatus(grpc::Status(static_cast<grpc::StatusCode>(result.error().code()),
                                             result.error().message(), result.error().SerializeAsString()));
}

}  // namespace

PipeStream::PipeStream(std::size_t server, absl::Duration life, RoundContext* context)
    : context_(context),
      server_(server),
      stub_(v1::AuthStateService::NewStub(Connect(context->addresses[server]))),
      use_until_(absl::Now() + life) {
  call_.set_deadline(absl::ToChronoTime(use_until_ + kGrace));
  stream_ = stub_->Pipe(&call_);
}

PipeStream::~PipeStream() {
  if (!ended_) call_.TryCancel();
  (void)Finish();
}

std::vector<PipeStream::Answer> PipeStream::Do(std::vector<PipeStep> steps) {
  v1::PipeRequest request;
  const std::uint64_t first_tag = next_tag_;
  for (PipeStep& step : steps) {
    step.request.set_tag(next_tag_++);
    step.request.set_channel(1);
    context_->AskedOf(server_, &step.begun);
    step.begun.called = History::Now();
    *request.add_operations() = step.request;
  }
  std::map<std::uint64_t, Answer> answers;
  if (ended_ || !stream_->Write(request) || !ReadAnswers(&answers, steps.size())) end_status_ = Finish();

  std::vector<Answer> in_order;
  in_order.reserve(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto found = answers.find(first_tag + i);
    Answer answer = found == answers.end() ? Answer{end_status_, {}} : std::move(found->second);
    Operation operation = std::move(steps[i].begun);
    if (answer.status.ok()) operation.reply = ReplyOf(answer.result);
    SetResult(answer.status, IsMutation(steps[i].request), &operation);
    if (!steps[i].request.has_detach()) context_->history.Add(std::move(operation), answer.status);
    in_order.push_back(std::move(answer));
  }
  return in_order;
}

bool PipeStream::ReadAnswers(std::map<std::uint64_t, Answer>* answers, std::size_t wanted) {
  v1::PipeResponse response;
  while (answers->size() < wanted) {
    if (!stream_->Read(&response)) return false;
    draining_ = draining_ || response.draining();
    for (v1::PipeResult& result : *response.mutable_results()) {
      const std::uint64_t tag = result.tag();
      absl::Status status = StatusOf(result);
      answers->emplace(tag, Answer{std::move(status), std::move(result)});
    }
  }
  return true;
}

absl::Status PipeStream::Finish() {
  if (ended_) return end_status_;
  ended_ = true;
  const absl::Status status = client::FromGrpcStatus(stream_->Finish());
  // The server never ends a stream that its client has not ended without a reason.
  return status.ok() ? absl::InternalError("the stream ended with OK") : status;
}

}  // namespace authstate::test

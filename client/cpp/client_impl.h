#ifndef AUTHSTATE_CLIENT_CPP_CLIENT_IMPL_H_
#define AUTHSTATE_CLIENT_CPP_CLIENT_IMPL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "authstate/v1/admin_service.grpc.pb.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "client/cpp/cancellation.h"
#include "client/cpp/channel.h"
#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "client/cpp/idempotency_policy.h"
#include "client/cpp/messages/backend_conversion.h"
#include "client/cpp/messages/conversion.h"
#include "client/cpp/messages/known_fields.h"
#include "client/cpp/retry_loop.h"
#include "client/cpp/status_translation.h"
#include "client/cpp/system_timekeeper.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace authstate::client {

// How calls are sent; for the files that make up the client alone. Thread-safe.
class Client::Impl {
 public:
  using Store = v1::AuthStateService::Stub;
  using Admin = v1::AdminService::Stub;
  using Health = grpc::health::v1::Health::Stub;
  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&, Response*);

  explicit Impl(ClientOptions options)
      : options_(std::move(options)),
        time_(cancellation_),
        channel_(OpenChannel(options_)),
        store_(channel_),
        admin_(channel_),
        health_(channel_) {}

  void Cancel() { cancellation_.Cancel(); }
  Store& store() { return store_; }

  // Sends a unary call, with its retries.
  template <typename Stub, typename Request, typename Response>
  absl::Status Send(Rpc rpc, Stub& stub, Method<Stub, Request, Response> method, const Request& request,
                    Response* response) {
    return Explained(RetryLoop(RepetitionOf(rpc), Schedule(options_.deadline), time_, [&](absl::Time deadline) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      absl::Status shown = ShowToken(options_, context);
      if (!shown.ok()) return shown;
      const Cancellation::CancellableCall call(cancellation_, context);
      return FromGrpcStatus((stub.*method)(&context, request, response));
    }));
  }

  template <typename Request, typename Response>
  absl::Status Read(Rpc rpc, Method<Store, Request, Response> method, const Request& request, Response* response) {
    return Send(rpc, store_, method, request, response);
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> AskAdmin(Rpc rpc, Method<Admin, Request, Response> method, const Request& request) {
    Response response;
    absl::Status status = Send(rpc, admin_, method, request, &response);
    if (!status.ok()) return status;
    return response;
  }

  absl::Status CheckHealth() {
    grpc::health::v1::HealthCheckResponse response;
    absl::Status status =
        Send(Rpc::kCheckHealth, health_, &Health::Check, grpc::health::v1::HealthCheckRequest(), &response);
    if (!status.ok() || response.status() == grpc::health::v1::HealthCheckResponse::SERVING) return status;
    return WithReason(absl::UnavailableError("the server does not serve: its database is away, or it is stopping"),
                      kNotServing);
  }

  // Sends a mutation and returns the revision it led to. Where NOT_FOUND counts as done, that is the revision the error
  // carries.
  template <typename Request, typename Response>
  absl::StatusOr<std::uint64_t> Mutate(Rpc rpc, Method<Store, Request, Response> method, Request request) {
    // The same for all attempts, which therefore take effect once.
    if (request.commit_id() == 0) request.set_commit_id(NewCommitId());
    Response response;
    std::uint64_t revision = 0;
    const absl::Status status =
        RetryLoop(RepetitionOf(rpc), Schedule(options_.deadline), time_, [&](absl::Time deadline) {
          grpc::ClientContext context;
          context.set_deadline(absl::ToChronoTime(deadline));
          absl::Status shown = ShowToken(options_, context);
          if (!shown.ok()) return shown;
          const Cancellation::CancellableCall call(cancellation_, context);
          absl::Status attempt = FromGrpcStatus((store_.*method)(&context, request, &response));
          revision = attempt.ok() ? response.revision() : RevisionOf(attempt).value_or(0);
          return attempt;
        });
    if (!status.ok()) return Explained(status);
    return revision;
  }

  // FailedPrecondition where the server has ignored what `request` asks for.
  template <typename Request>
  absl::Status CheckKnown(const Request& request, std::uint32_t knows_fields_up_to) {
    const std::vector<std::string> ignored = IgnoredFields(request, knows_fields_up_to);
    if (ignored.empty()) return absl::OkStatus();
    v1::GetServerInfoResponse info;
    // The version makes the error clearer; what is wrong is known without it.
    (void)Send(Rpc::kGetServerInfo, admin_, &Admin::GetServerInfo, v1::GetServerInfoRequest(), &info);
    return ServerTooOld(info.version(), ignored);
  }

  // Sends a call that answers with a lease.
  template <typename Response, typename Request>
  absl::StatusOr<Lease> LeaseOf(Rpc rpc, Method<Store, Request, Response> method, const Request& request) {
    Response response;
    const absl::Status status = Send(rpc, store_, method, request, &response);
    if (!status.ok()) return status;
    return FromMessage(std::move(*response.mutable_lease()));
  }

  absl::Status Load(const v1::LoadSessionRequest& request, absl::FunctionRef<absl::Status(SessionPage)> on_page) {
    // Once a page was handed out, an error is final: the next attempt would begin again.
    absl::Status final_error;
    const auto attempt = [&](absl::Time deadline) {
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(deadline));
      absl::Status shown = ShowToken(options_, context);
      if (!shown.ok()) return shown;
      const Cancellation::CancellableCall call(cancellation_, context);
      bool handed_out = false;
      absl::Status status = ReadPages(context, request, on_page, &handed_out);
      if (!handed_out) return status;
      final_error = status;
      return absl::OkStatus();
    };
    const Repetition repetition = RepetitionOf(Rpc::kLoadSession);
    absl::Status status = RetryLoop(repetition, Schedule(options_.load_deadline), time_, attempt);
    return status.ok() ? final_error : Explained(status);
  }

  // A stream of progress and then one result, by which a switch, a sync or a copy tells how far it is.
  template <typename Response, typename Start, typename OnProgress, typename Result>
  absl::Status FollowProgress(Start start, OnProgress on_progress, Result* result) {
    grpc::ClientContext context;
    absl::Status shown = ShowToken(options_, context);
    if (!shown.ok()) return shown;
    const Cancellation::CancellableCall call(cancellation_, context);
    const auto reader = start(admin_, &context);
    Response message;
    while (reader->Read(&message)) {
      if (message.has_progress()) on_progress(FromMessage(message.progress()));
      if (message.has_result()) *result = FromMessage(message.result());
    }
    return Explained(FromGrpcStatus(reader->Finish()));
  }

 private:
  // For finding out what is wrong with TLS, once a call has failed.
  static constexpr absl::Duration kDiagnosisTime = absl::Seconds(2);

  static std::uint64_t NewCommitId() {
    thread_local absl::BitGen random;
    return absl::Uniform<std::uint64_t>(absl::IntervalClosed, random, 1, std::numeric_limits<std::uint64_t>::max());
  }

  // An error that came from no server, with what TLS has to say to it.
  absl::Status Explained(absl::Status status) const {
    if (!options_.tls.has_value() || !absl::IsUnavailable(status) || ReasonOf(status).has_value()) return status;
    const std::string why = WhyNoTls(options_.address, *options_.tls, absl::Now() + kDiagnosisTime);
    if (why.empty()) return status;
    absl::Status explained(status.code(), absl::StrCat(why, " (", status.message(), ")"));
    status.ForEachPayload(
        [&explained](absl::string_view url, const absl::Cord& payload) { explained.SetPayload(url, payload); });
    return explained;
  }

  RetrySchedule Schedule(absl::Duration deadline) const {
    RetrySchedule schedule;
    schedule.patience = options_.patience;
    schedule.deadline = deadline;
    return schedule;
  }

  absl::Status ReadPages(grpc::ClientContext& context, const v1::LoadSessionRequest& request,
                         absl::FunctionRef<absl::Status(SessionPage)> on_page, bool* handed_out) {
    const auto reader = store_.LoadSession(&context, request);
    absl::Status refused;
    while (refused.ok()) {
      v1::LoadSessionResponse message;
      if (!reader->Read(&message)) break;
      if (!std::exchange(*handed_out, true)) refused = CheckKnown(request, message.knows_fields_up_to());
      if (!refused.ok()) break;
      absl::StatusOr<SessionPage> page = FromMessage(std::move(message));
      refused = page.ok() ? on_page(*std::move(page)) : page.status();
    }
    if (!refused.ok()) context.TryCancel();
    const absl::Status status = FromGrpcStatus(reader->Finish());
    return refused.ok() ? status : refused;
  }

  const ClientOptions options_;
  Cancellation cancellation_;
  SystemTimekeeper time_;
  const std::shared_ptr<grpc::Channel> channel_;
  Store store_;
  Admin admin_;
  Health health_;
};

}  // namespace authstate::client

#endif  // AUTHSTATE_CLIENT_CPP_CLIENT_IMPL_H_

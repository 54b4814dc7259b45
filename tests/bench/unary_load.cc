// unary_load getkeys|commit ADDRESS IN_FLIGHT WARM_UP_MS MEASURE_MS: keeps IN_FLIGHT unary calls under way at an
// authstated, or at an echo_server, and prints how many end in a second.
//
// getkeys: each call reads one key of 1.2 kB, which is written before; in as many sessions as there are calls.
// commit: each call writes one key of the size of a pre-key, over 32 keys in as many sessions as there are calls.
#include <grpcpp/grpcpp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/bench/call_loop.h"

namespace authstate::bench {
namespace {

using v1::AuthStateService;

// One connection each; a single one has all its calls written by one thread at a time.
constexpr std::size_t kConnections = 2;
constexpr std::size_t kReadBytes = 1200;
constexpr std::size_t kPreKeyBytes = 164;
constexpr std::uint64_t kKeysEach = 32;
constexpr absl::Duration kCallTimeout = absl::Seconds(30);
constexpr int kUsageError = 2;

struct Arguments {
  std::string load;
  std::string address;
  std::size_t in_flight = 0;
  absl::Duration warm_up;
  absl::Duration measure;
};

std::optional<Arguments> Parse(int argc, char** argv) {
  constexpr int kArguments = 6;
  Arguments arguments;
  std::uint32_t in_flight = 0;
  std::uint32_t warm_up = 0;
  std::uint32_t measure = 0;
  if (argc != kArguments || !absl::SimpleAtoi(argv[3], &in_flight) || in_flight == 0 ||
      !absl::SimpleAtoi(argv[4], &warm_up) || !absl::SimpleAtoi(argv[5], &measure) || measure == 0) {
    return std::nullopt;
  }
  arguments.load = argv[1];
  arguments.address = argv[2];
  arguments.in_flight = in_flight;
  arguments.warm_up = absl::Milliseconds(warm_up);
  arguments.measure = absl::Milliseconds(measure);
  return arguments;
}

class Connections {
 public:
  explicit Connections(const std::string& address) {
    for (std::unique_ptr<AuthStateService::Stub>& stub : stubs_) {
      grpc::ChannelArguments arguments;
      // Else two channels share a connection.
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      stub =
          AuthStateService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    }
  }

  AuthStateService::Stub& ForSlot(std::size_t slot) { return *stubs_[slot % kConnections]; }

 private:
  std::array<std::unique_ptr<AuthStateService::Stub>, kConnections> stubs_;
};

// The calls of one slot, one after the other.
template <typename Request, typename Response>
struct Slot {
  Request request;
  Response response;
  std::optional<grpc::ClientContext> context;

  grpc::ClientContext& NewContext() {
    context.emplace();
    context->set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
    response.Clear();
    return *context;
  }
};

absl::Status ToStatus(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

std::string SessionOf(std::size_t slot) { return absl::StrCat("load-", slot); }

absl::StatusOr<double> MeasureCommits(const Arguments& arguments) {
  Connections connections(arguments.address);
  std::vector<Slot<v1::CommitRequest, v1::CommitResponse>> slots(arguments.in_flight);
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    v1::CommitRequest& request = slots[slot].request;
    request.set_session_id(SessionOf(slot));
    v1::KeyEntry& entry = *request.add_sets();
    entry.mutable_key()->set_type("pre-key");
    entry.mutable_value()->set_raw(std::string(kPreKeyBytes, 'k'));
  }
  std::vector<std::uint64_t> counts(arguments.in_flight);
  CallLoop loop(arguments.in_flight, [&](std::size_t slot, CallLoop::Done done) {
    slots[slot].request.mutable_sets(0)->mutable_key()->set_id(absl::StrCat(counts[slot]++ % kKeysEach));
    grpc::ClientContext& context = slots[slot].NewContext();
    connections.ForSlot(slot).async()->Commit(
        &context, &slots[slot].request, &slots[slot].response,
        [done = std::move(done)](const grpc::Status& status) { done(ToStatus(status)); });
  });
  return loop.Measure(arguments.warm_up, arguments.measure);
}

// Writes, once, the key that the slot reads.
absl::Status Write(Connections& connections, std::size_t slot, const v1::Key& key) {
  v1::CommitRequest request;
  request.set_session_id(SessionOf(slot));
  v1::KeyEntry& entry = *request.add_sets();
  *entry.mutable_key() = key;
  entry.mutable_value()->set_json(absl::StrCat("\"", std::string(kReadBytes - 2, 'v'), "\""));
  v1::CommitResponse response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallTimeout));
  context.set_wait_for_ready(true);
  return ToStatus(connections.ForSlot(slot).Commit(&context, request, &response));
}

absl::StatusOr<double> MeasureGetKeys(const Arguments& arguments) {
  Connections connections(arguments.address);
  std::vector<Slot<v1::GetKeysRequest, v1::GetKeysResponse>> slots(arguments.in_flight);
  v1::Key key;
  key.set_type("session");
  key.set_id("5511999990001_1.0");
  for (std::size_t slot = 0; slot < slots.size(); ++slot) {
    if (const absl::Status written = Write(connections, slot, key); !written.ok()) return written;
    v1::GetKeysRequest& request = slots[slot].request;
    request.set_session_id(SessionOf(slot));
    v1::KeySelection& selection = *request.add_keys();
    selection.set_type(key.type());
    selection.add_ids(key.id());
  }
  CallLoop loop(arguments.in_flight, [&](std::size_t slot, CallLoop::Done done) {
    grpc::ClientContext& context = slots[slot].NewContext();
    v1::GetKeysResponse& response = slots[slot].response;
    connections.ForSlot(slot).async()->GetKeys(
        &context, &slots[slot].request, &response, [&response, done = std::move(done)](const grpc::Status& status) {
          const bool lost = status.ok() && response.found_size() != 1;
          done(lost ? absl::DataLossError("the key is not there") : ToStatus(status));
        });
  });
  return loop.Measure(arguments.warm_up, arguments.measure);
}

int Run(const Arguments& arguments) {
  const absl::StatusOr<double> rate =
      arguments.load == "commit" ? MeasureCommits(arguments) : MeasureGetKeys(arguments);
  if (!rate.ok()) {
    std::fprintf(stderr, "unary_load: %s\n", rate.status().ToString().c_str());
    return 1;
  }
  std::printf("%.1f\n", *rate);
  return 0;
}

}  // namespace
}  // namespace authstate::bench

int main(int argc, char** argv) {
  const std::optional<authstate::bench::Arguments> arguments = authstate::bench::Parse(argc, argv);
  if (!arguments.has_value() || (arguments->load != "getkeys" && arguments->load != "commit")) {
    std::fprintf(stderr, "usage: unary_load getkeys|commit ADDRESS IN_FLIGHT WARM_UP_MS MEASURE_MS\n");
    return authstate::bench::kUsageError;
  }
  return authstate::bench::Run(*arguments);
}

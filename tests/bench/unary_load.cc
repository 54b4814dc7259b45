// unary_load ADDRESS IN_FLIGHT WARM_UP_MS MEASURE_MS: keeps IN_FLIGHT unary calls of GetKeys under way at an
// authstated, or at an echo_server, and prints how many end in a second. Each reads one key of 1.2 kB, which is written
// before; in as many sessions as there are calls.
#include <grpcpp/grpcpp.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "authstate/v1/auth_state_service.grpc.pb.h"
#include "tests/bench/call_loop.h"
#include "tests/bench/load_arguments.h"

namespace authstate::bench {
namespace {

using v1::AuthStateService;

// One connection each; a single one has all its calls written by one thread at a time.
constexpr std::size_t kConnections = 2;
constexpr std::size_t kReadBytes = 1200;
constexpr absl::Duration kCallTimeout = absl::Seconds(30);

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

absl::StatusOr<std::vector<double>> MeasureGetKeys(const LoadArguments& arguments) {
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
  const absl::StatusOr<double> rate = loop.Measure(arguments.warm_up, arguments.measure);
  if (!rate.ok()) return rate.status();
  return std::vector<double>{*rate};
}

}  // namespace
}  // namespace authstate::bench

int main(int argc, char** argv) { return authstate::bench::LoadMain(argc, argv, authstate::bench::MeasureGetKeys); }

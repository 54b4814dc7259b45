#ifndef AUTHSTATE_TESTS_UNIT_SERVER_FAKE_GRANTS_H_
#define AUTHSTATE_TESTS_UNIT_SERVER_FAKE_GRANTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/forwarding_backend.h"
#include "storage/memory/memory_backend.h"
#include "tokens/token.h"

namespace authstate::server {

// A store of grants whose clock stands still until it is moved, and whose answers fail, or wait, when told to. It can
// become another store, as one does that is switched. Not thread-safe.
class FakeGrants final : public storage::ForwardingBackend {
 public:
  FakeGrants() : ForwardingBackend(storage::NewMemoryBackend()) {}

  absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  std::uint64_t version = 0;
  std::vector<storage::Grant> grants;
  // Which store it is; the test that changes it changes the rest as well.
  std::string name = "first";
  // What every answer is while it is set.
  absl::Status failure;
  bool hold = false;
  std::vector<absl::AnyInvocable<void() &&>> held;
  // What was asked.
  std::vector<storage::GrantRequest> requests;

  // Gives the token the rights, on every session whose id starts with `prefix`.
  storage::Grant& Give(const tokens::Token& token, storage::Rights rights, std::string prefix = "") {
    storage::Grant& grant = Add(rights, std::move(prefix));
    token.PutInto(&grant);
    return grant;
  }
  storage::Grant& GiveCertificate(std::string certificate_name, storage::Rights rights, std::string prefix = "") {
    storage::Grant& grant = Add(rights, std::move(prefix));
    grant.id = tokens::NewId();
    grant.certificate_name = std::move(certificate_name);
    return grant;
  }

  void ReleaseAll() {
    hold = false;
    for (auto& call : std::exchange(held, {})) std::move(call)();
  }

  void Grants(storage::GrantRequest request, absl::Time /*deadline*/, GrantsDone done) override {
    requests.push_back(request);
    auto call = [this, request = std::move(request), done = std::move(done)]() mutable {
      std::move(done)(Answer(request));
    };
    if (!hold) return std::move(call)();
    held.emplace_back(std::move(call));
  }

  storage::Description Describe() const override {
    storage::Description description;
    description.name = name;
    return description;
  }

 private:
  storage::Grant& Add(storage::Rights rights, std::string prefix) {
    ++version;
    storage::Grant& grant = grants.emplace_back();
    grant.rights = rights;
    grant.scopes = {{std::move(prefix), /*prefix=*/true}};
    return grant;
  }

  absl::StatusOr<storage::GrantResult> Answer(const storage::GrantRequest& request) {
    if (!failure.ok()) return failure;
    storage::GrantResult result;
    result.version = version;
    result.now = now;
    const bool lists = request.action == storage::GrantRequest::Action::kList;
    if (lists && (request.known_version == 0 || request.known_version != version)) result.grants = grants;
    return result;
  }
};

}  // namespace authstate::server

#endif  // AUTHSTATE_TESTS_UNIT_SERVER_FAKE_GRANTS_H_

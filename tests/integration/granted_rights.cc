#include "tests/integration/granted_rights.h"

#include <gtest/gtest.h>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/postgres/postgres_backend.h"
#include "storage/sqlite/sqlite_backend.h"
#include "tokens/token.h"

namespace authstate::test {
namespace {

using Action = storage::GrantRequest::Action;

constexpr absl::Duration kPatience = absl::Seconds(60);

std::unique_ptr<storage::Backend> Opened(absl::StatusOr<std::unique_ptr<storage::Backend>> store) {
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

std::string IdOf(const std::string& token) { return tokens::Token::Parse(token)->id(); }

}  // namespace

std::unique_ptr<GrantedRights> GrantedRights::InSqlite(const std::string& path) {
  storage::SqliteOptions options;
  options.path = path;
  return std::unique_ptr<GrantedRights>(new GrantedRights(Opened(storage::OpenSqliteBackend(options))));
}

std::unique_ptr<GrantedRights> GrantedRights::InPostgres(const std::string& url) {
  storage::PostgresOptions options;
  options.url = url;
  options.connections = storage::kLeastPostgresConnections;
  return std::unique_ptr<GrantedRights>(new GrantedRights(Opened(storage::OpenPostgresBackend(options))));
}

std::string GrantedRights::Token(storage::Rights rights, std::vector<storage::SessionScope> scopes) {
  const tokens::Token token = tokens::Token::New();
  storage::GrantRequest request;
  request.action = Action::kCreate;
  token.PutInto(&request.grant);
  request.grant.rights = rights;
  request.grant.scopes = std::move(scopes);
  Do(request);
  return token.Text();
}

std::string GrantedRights::ExpiredToken() {
  const tokens::Token token = tokens::Token::New();
  storage::GrantRequest request;
  request.action = Action::kCreate;
  token.PutInto(&request.grant);
  request.grant.rights = storage::kAllRights;
  request.grant.scopes = {{"", /*prefix=*/true}};
  request.time_to_live = absl::Milliseconds(1);
  const storage::GrantResult created = Do(request);
  const absl::Time end = created.grants->at(0).expire_time.value();
  while (Do({}).now < end) continue;
  return token.Text();
}

void GrantedRights::Certificate(const std::string& name, storage::Rights rights,
                                std::vector<storage::SessionScope> scopes) {
  storage::GrantRequest request;
  request.action = Action::kCreate;
  request.grant.id = tokens::NewId();
  request.grant.certificate_name = name;
  request.grant.rights = rights;
  request.grant.scopes = std::move(scopes);
  Do(request);
}

void GrantedRights::Revoke(const std::string& token) {
  storage::GrantRequest request;
  request.action = Action::kRevoke;
  request.grant.id = IdOf(token);
  Do(request);
}

std::optional<absl::Time> GrantedRights::LastUseOf(const std::string& token) {
  const storage::GrantResult listed = Do({});
  for (const storage::Grant& grant : *listed.grants) {
    if (grant.id == IdOf(token)) return grant.last_use_time;
  }
  ADD_FAILURE() << "there is no such token";
  return std::nullopt;
}

storage::GrantResult GrantedRights::Do(const storage::GrantRequest& request) {
  auto result = storage::AwaitCall<absl::StatusOr<storage::GrantResult>>(
      [&](auto done) { store_->Grants(request, absl::Now() + kPatience, std::move(done)); });
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : storage::GrantResult{0, {}, {{}}};
}

}  // namespace authstate::test

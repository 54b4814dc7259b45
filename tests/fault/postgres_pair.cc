#include "tests/fault/postgres_pair.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace authstate::test {

absl::StatusOr<std::unique_ptr<PostgresPair>> PostgresPair::Create() {
  std::unique_ptr<PostgresPair> pair(new PostgresPair());
  auto primary = TestPostgres::Create();
  if (!primary.ok()) return primary.status();
  pair->primary_ = *std::move(primary);
  auto replication = TcpProxy::Create(pair->primary_->port());
  if (!replication.ok()) return replication.status();
  pair->replication_ = *std::move(replication);
  TestPostgres::Options following;
  following.standby_of = pair->replication_->port();
  auto standby = TestPostgres::Create(std::move(following));
  if (!standby.ok()) return standby.status();
  pair->standby_ = *std::move(standby);

  // Only now: the standby has copied the primary's settings, and must not wait for itself once it is promoted.
  for (const char* sql : {"ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()"}) {
    if (absl::Status run = TestPostgres::Run(pair->primary_->url(), sql); !run.ok()) return run;
  }
  absl::Status follows = TestPostgres::AwaitAnswer(
      pair->primary_->url(), "SELECT string_agg(sync_state, ',') FROM pg_stat_replication", "sync");
  if (!follows.ok()) return follows;
  return pair;
}

std::string PostgresPair::url() const {
  return absl::StrCat("postgresql://postgres@127.0.0.1:", primary_->port(), ",127.0.0.1:", standby_->port(),
                      "/postgres?target_session_attrs=read-write");
}

absl::Status PostgresPair::Promote() {
  const auto promoted = TestPostgres::Query(standby_->url(), "SELECT pg_promote(wait => true)");
  if (!promoted.ok()) return promoted.status();
  return *promoted == "t" ? absl::OkStatus() : absl::DeadlineExceededError("the standby is not promoted");
}

}  // namespace authstate::test

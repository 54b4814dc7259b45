#include "absl/time/clock.h"
#include "server/metrics/collectors.h"

namespace authstate::server {

void CollectWriteBehind(const Observed& server, MetricFamilies* families) {
  const absl::Time now = absl::Now();
  const auto read = server.write_behind();
  const storage::WriteBehindState state = read.value_or(storage::WriteBehindState());
  families->Gauge("authstate_write_behind_sessions", "Sessions that are at home in the file.").Add(state.sessions);
  families->Gauge("authstate_write_behind_dirty_sessions", "Of these, those that the database does not have whole.")
      .Add(state.dirty_sessions);
  families->Gauge("authstate_write_behind_commits", "Commits that the database does not have yet.").Add(state.commits);
  families->Gauge("authstate_write_behind_bytes", "Bytes of these, about.").Add(state.bytes);
  families->Gauge("authstate_write_behind_orphans", "What was kept aside as others have taken its session.")
      .Add(state.orphans);
  families->Gauge("authstate_write_behind_max_bytes", "How many there may be before commits have to wait.")
      .Add(server.write_behind_max_bytes);
  families->Gauge("authstate_write_behind_lag_seconds", "For how long the oldest of these commits has waited.")
      .Add(absl::ToDoubleSeconds(now - state.oldest.value_or(now)));
  families->Gauge("authstate_write_behind_max_lag_seconds", "For how long it may before its session has to wait.")
      .Add(absl::ToDoubleSeconds(server.write_behind_max_age));
  families->Gauge("authstate_write_behind_away", "1: the database does not answer the file.")
      .Add(state.away_since.has_value());
}

}  // namespace authstate::server

#include "storage/postgres/postgres_backend.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/postgres/connection_probe.h"
#include "storage/postgres/connection_thread.h"
#include "storage/postgres/conninfo.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/layout_detection.h"
#include "storage/postgres/legacy_purge.h"
#include "storage/postgres/pg_connection.h"
#include "storage/postgres/postgres_schema.h"
#include "storage/postgres/session_leases.h"
#include "storage/postgres/session_reader.h"
#include "storage/postgres/session_writer.h"
#include "storage/postgres/snapshot_pool.h"
#include "storage/postgres/watchdog.h"

namespace authstate::storage {
namespace {

class PostgresBackend final : public Backend {
 public:
  PostgresBackend(const PostgresOptions& options, const Conninfo& conninfo, const ConnectionFacts& facts,
                  const Layout& layout, std::unique_ptr<Watchdog> watchdog, std::uint32_t schema_version)
      : description_{"postgres", options.name, conninfo.location, schema_version, std::string(layout.name), facts.tls,
                     ""},
        layout_(layout),
        watchdog_(std::move(watchdog)),
        queue_(options.queue_limit),
        snapshots_(layout, options.snapshot_connections, [&] { return NewConnection(options, conninfo); }) {
    for (int i = 0; i < options.connections; ++i) {
      threads_.push_back(std::make_unique<ConnectionThread>(NewConnection(options, conninfo), queue_));
    }
  }

  ~PostgresBackend() override { queue_.Close(); }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    Enqueue(queue_, {deadline, [&layout = layout_, commits = std::move(commits), deadline,
                                done = std::move(done)](absl::StatusOr<PgConnection*> connection) mutable {
                       using Results = std::vector<absl::StatusOr<Applied>>;
                       std::move(done)(connection.ok()
                                           ? ApplyCommits(**connection, layout, std::move(commits), deadline)
                                           : Results(commits.size(), connection.status()));
                     }});
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    Enqueue(queue_, {deadline, [&layout = layout_, requests = std::move(requests), deadline,
                                done = std::move(done)](absl::StatusOr<PgConnection*> connection) mutable {
                       using Results = std::vector<absl::StatusOr<ReadResult>>;
                       std::move(done)(connection.ok() ? ReadSessions(**connection, layout, requests, deadline)
                                                       : Results(requests.size(), connection.status()));
                     }});
  }

  void OpenSnapshot(std::string session_id, absl::Time deadline, SnapshotDone done) override {
    snapshots_.Open(std::move(session_id), deadline, std::move(done));
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    Enqueue(queue_, {deadline, [&layout = layout_, requests = std::move(requests), deadline,
                                done = std::move(done)](absl::StatusOr<PgConnection*> connection) mutable {
                       using Results = std::vector<absl::StatusOr<LeaseResult>>;
                       std::move(done)(connection.ok() ? DoLeaseRequests(**connection, layout, requests, deadline)
                                                       : Results(requests.size(), connection.status()));
                     }});
  }

  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    Enqueue(queue_, {deadline, [&layout = layout_, request = std::move(request), deadline,
                                done = std::move(done)](absl::StatusOr<PgConnection*> connection) mutable {
                       if (connection.ok()) {
                         std::move(done)(ListSessions(**connection, layout, request, deadline));
                       } else {
                         std::move(done)(connection.status());
                       }
                     }});
  }

  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    Enqueue(queue_, {deadline, [&layout = layout_, request = std::move(request), deadline,
                                done = std::move(done)](absl::StatusOr<PgConnection*> connection) mutable {
                       if (connection.ok()) {
                         std::move(done)(PurgeExpiredKeys(**connection, layout, request, deadline));
                       } else {
                         std::move(done)(connection.status());
                       }
                     }});
  }

  void Ping(absl::Time deadline, PingDone done) override {
    Enqueue(queue_, {deadline, [deadline, done = std::move(done)](absl::StatusOr<PgConnection*> connection) mutable {
                       std::move(done)(connection.ok() ? PingDatabase(**connection, deadline) : connection.status());
                     }});
  }

  Description Describe() const override { return description_; }

 private:
  std::unique_ptr<PgConnection> NewConnection(const PostgresOptions& options, const Conninfo& conninfo) {
    return std::make_unique<PgConnection>(conninfo, options.call_timeout, *watchdog_, options.stats);
  }

  const Description description_;
  const Layout& layout_;
  // In the order of use: what a member needs stands before it.
  const std::unique_ptr<Watchdog> watchdog_;
  ConnectionQueue queue_;
  SnapshotPool snapshots_;
  std::vector<std::unique_ptr<ConnectionThread>> threads_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> OpenPostgresBackend(const PostgresOptions& options) {
  const auto conninfo = ParseConninfo(options.url, options.connect_timeout);
  if (!conninfo.ok()) return conninfo.status();
  const auto facts = ProbeConnection(*conninfo, options.name, options.connect_timeout);
  if (!facts.ok()) return facts.status();
  auto watchdog = std::make_unique<Watchdog>();
  PgConnection connection(*conninfo, options.call_timeout, *watchdog, options.stats);
  if (absl::Status connected = connection.Connect(); !connected.ok()) return connected;
  const absl::Time deadline = absl::Now() + options.call_timeout;
  const auto layout = FindLayout(connection, options.layout, deadline);
  if (!layout.ok()) return layout.status();
  const auto schema_version = EnsurePostgresSchema(connection, (*layout)->schema, options.migrate, deadline);
  if (!schema_version.ok()) return schema_version.status();
  if (absl::Status tables = CheckTables(connection, **layout, deadline); !tables.ok()) return tables;
  // It goes before the watchdog moves on.
  connection.Drop();
  return std::make_unique<PostgresBackend>(options, *conninfo, *facts, **layout, std::move(watchdog), *schema_version);
}

}  // namespace authstate::storage

#include "storage/postgres/postgres_backend.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/postgres/answer_once.h"
#include "storage/postgres/connection_probe.h"
#include "storage/postgres/connection_queue.h"
#include "storage/postgres/connection_thread.h"
#include "storage/postgres/conninfo.h"
#include "storage/postgres/layout.h"
#include "storage/postgres/layout_detection.h"
#include "storage/postgres/legacy_purge.h"
#include "storage/postgres/patch_bases.h"
#include "storage/postgres/pg_connection.h"
#include "storage/postgres/pooler_probe.h"
#include "storage/postgres/postgres_schema.h"
#include "storage/postgres/session_leases.h"
#include "storage/postgres/session_reader.h"
#include "storage/postgres/session_writer.h"
#include "storage/postgres/snapshot_pool.h"
#include "storage/postgres/statement_names.h"
#include "storage/postgres/watchdog.h"

namespace authstate::storage {
namespace {

class PostgresBackend final : public Backend {
 public:
  PostgresBackend(const PostgresOptions& options, const Conninfo& conninfo, const ConnectionFacts& facts,
                  const Layout& layout, std::unique_ptr<Watchdog> watchdog, PoolerMode pooler,
                  std::uint32_t schema_version)
      : description_{"postgres",
                     options.name,
                     conninfo.location,
                     schema_version,
                     std::string(layout.name),
                     facts.tls,
                     std::string(PoolerName(pooler))},
        layout_(layout),
        watchdog_(std::move(watchdog)),
        names_(pooler != PoolerMode::kTransaction),
        patch_bases_(options.patch_base_bytes),
        queue_(options.queue_limit, options.queue_wait),
        snapshots_(layout, options.snapshot_connections, options.call_timeout,
                   [&] { return NewConnection(options, conninfo); }) {
    for (int i = 0; i < options.connections; ++i) {
      threads_.push_back(std::make_unique<ConnectionThread>(NewConnection(options, conninfo), queue_));
    }
  }

  ~PostgresBackend() override { queue_.Close(); }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    using Results = std::vector<absl::StatusOr<Applied>>;
    const std::size_t count = commits.size();
    auto answer = std::make_shared<AnswerOnce<Results>>(std::move(done));
    queue_.Add({deadline,
                [this, commits = std::move(commits), deadline, answer](PgConnection& connection) mutable {
                  answer->Give(ApplyCommits(connection, layout_, std::move(commits), deadline, &patch_bases_));
                },
                [count, answer](const absl::Status& status) { answer->Give(Results(count, status)); }});
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    using Results = std::vector<absl::StatusOr<ReadResult>>;
    const std::size_t count = requests.size();
    auto answer = std::make_shared<AnswerOnce<Results>>(std::move(done));
    queue_.Add({deadline,
                [&layout = layout_, requests = std::move(requests), deadline, answer](PgConnection& connection) {
                  answer->Give(ReadSessions(connection, layout, requests, deadline));
                },
                [count, answer](const absl::Status& status) { answer->Give(Results(count, status)); }});
  }

  void OpenSnapshot(std::string session_id, absl::Time deadline, SnapshotDone done) override {
    snapshots_.Open(std::move(session_id), deadline, std::move(done));
  }

  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    using Results = std::vector<absl::StatusOr<LeaseResult>>;
    const std::size_t count = requests.size();
    auto answer = std::make_shared<AnswerOnce<Results>>(std::move(done));
    queue_.Add({deadline,
                [&layout = layout_, requests = std::move(requests), deadline, answer](PgConnection& connection) {
                  answer->Give(DoLeaseRequests(connection, layout, requests, deadline));
                },
                [count, answer](const absl::Status& status) { answer->Give(Results(count, status)); }});
  }

  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    auto answer = std::make_shared<AnswerOnce<absl::StatusOr<std::vector<SessionSummary>>>>(std::move(done));
    queue_.Add({deadline,
                [&layout = layout_, request = std::move(request), deadline, answer](PgConnection& connection) {
                  answer->Give(ListSessions(connection, layout, request, deadline));
                },
                [answer](absl::Status status) { answer->Give(std::move(status)); }});
  }

  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    auto answer = std::make_shared<AnswerOnce<absl::StatusOr<std::map<std::string, std::uint64_t>>>>(std::move(done));
    queue_.Add({deadline,
                [&layout = layout_, request = std::move(request), deadline, answer](PgConnection& connection) {
                  answer->Give(PurgeExpiredKeys(connection, layout, request, deadline));
                },
                [answer](absl::Status status) { answer->Give(std::move(status)); }});
  }

  void Ping(absl::Time deadline, PingDone done) override {
    auto answer = std::make_shared<AnswerOnce<absl::Status>>(std::move(done));
    queue_.Add({deadline,
                [deadline, answer](PgConnection& connection) { answer->Give(PingDatabase(connection, deadline)); },
                [answer](absl::Status status) { answer->Give(std::move(status)); }});
  }

  Description Describe() const override {
    Description description = description_;
    // What was taken for a pooler in session mode does not keep sessions.
    if (names_.lost()) description.pooler = std::string(PoolerName(PoolerMode::kTransaction));
    return description;
  }

 private:
  std::unique_ptr<PgConnection> NewConnection(const PostgresOptions& options, const Conninfo& conninfo) {
    return std::make_unique<PgConnection>(conninfo, options.call_timeout, *watchdog_, options.stats, &names_);
  }

  const Description description_;
  const Layout& layout_;
  // In the order of use: what a member needs stands before it.
  const std::unique_ptr<Watchdog> watchdog_;
  StatementNames names_;
  PatchBases patch_bases_;
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
  PoolerMode pooler = options.pooler;
  if (pooler == PoolerMode::kDetect) {
    PgConnection second(*conninfo, options.call_timeout, *watchdog, options.stats);
    const auto detected = DetectPooler(connection, second, deadline);
    if (!detected.ok()) return detected.status();
    pooler = *detected;
  }
  const auto layout = FindLayout(connection, options.layout, deadline);
  if (!layout.ok()) return layout.status();
  const auto schema_version = EnsurePostgresSchema(connection, (*layout)->schema, options.migrate, deadline);
  if (!schema_version.ok()) return schema_version.status();
  if (absl::Status tables = CheckTables(connection, **layout, deadline); !tables.ok()) return tables;
  // It goes before the watchdog moves on.
  connection.Drop();
  return std::make_unique<PostgresBackend>(options, *conninfo, *facts, **layout, std::move(watchdog), pooler,
                                           *schema_version);
}

}  // namespace authstate::storage

#include "storage/postgres/postgres_backend.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/deadline_timer.h"
#include "storage/error.h"
#include "storage/postgres/connection/answer_once.h"
#include "storage/postgres/connection/connection_probe.h"
#include "storage/postgres/connection/connection_queue.h"
#include "storage/postgres/connection/connection_thread.h"
#include "storage/postgres/connection/conninfo.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/pooler_probe.h"
#include "storage/postgres/connection/put_back.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/schema/keyring_table.h"
#include "storage/postgres/schema/layout_detection.h"
#include "storage/postgres/schema/postgres_schema.h"
#include "storage/postgres/schema/table_access.h"
#include "storage/postgres/session/grants.h"
#include "storage/postgres/session/legacy_purge.h"
#include "storage/postgres/session/patch_bases.h"
#include "storage/postgres/session/session_leases.h"
#include "storage/postgres/session/session_reader.h"
#include "storage/postgres/session/session_writer.h"
#include "storage/postgres/session/snapshot_pool.h"
#include "storage/postgres/sql/statement_names.h"
#include "storage/sealing/hidden_names.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kMaxPings = 64;

class PostgresBackend final : public Backend {
 public:
  PostgresBackend(const PostgresOptions& options, const Conninfo& conninfo, const ConnectionFacts& facts,
                  const Layout& layout, std::shared_ptr<DeadlineTimer> timer, PoolerMode pooler,
                  std::uint32_t schema_version, std::string store_id)
      : description_{"postgres",
                     options.name,
                     conninfo.location,
                     schema_version,
                     std::string(layout.name),
                     facts.tls,
                     std::string(PoolerName(pooler)),
                     std::move(store_id)},
        layout_(layout),
        timer_(std::move(timer)),
        names_(pooler != PoolerMode::kTransaction),
        patch_bases_(options.patch_base_bytes),
        keys_(options.keyring, options.hide_key_ids),
        queue_(*timer_, options.queue_limit, options.queue_wait, options.stats),
        snapshots_(layout, keys_, queue_, *timer_, options.call_timeout) {
    // The other one is for signs of life.
    for (int i = 1; i < options.connections; ++i) {
      threads_.push_back(std::make_unique<ConnectionThread>(NewConnection(options, conninfo), queue_));
    }
    ping_thread_ = std::make_unique<ConnectionThread>(NewConnection(options, conninfo), pings_);
  }

  ~PostgresBackend() override {
    queue_.Close();
    pings_.Close();
  }

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    const std::size_t count = commits.size();
    std::string line = LineOf("commit", commits);
    Visit<SessionWriter>(std::make_shared<SessionWriter>(layout_, keys_, std::move(commits), deadline, &patch_bases_,
                                                         [this](const std::string& session_id) {
                                                           return queue_.HasLine(LineOf("commit", session_id));
                                                         }),
                         std::move(line), count, deadline, std::move(done));
  }

  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    const std::size_t count = requests.size();
    Try<std::vector<absl::StatusOr<ReadResult>>>(
        [&layout = layout_, &keys = keys_, requests = std::move(requests), deadline](PgConnection& connection,
                                                                                     bool /*repeated*/) {
          return ReadSessions(connection, layout, keys, requests, deadline);
        },
        [count](const absl::Status& status) { return std::vector<absl::StatusOr<ReadResult>>(count, status); },
        deadline, std::move(done));
  }

  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    snapshots_.Open(std::move(request), deadline, std::move(done));
  }

  // Not in one line with commits: what locks a key is not in the way of its session's lease.
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    const std::size_t count = requests.size();
    std::string line = LineOf("lease", requests);
    Visit<LeaseBatch>(std::make_shared<LeaseBatch>(layout_, std::move(requests), deadline,
                                                   [this](const std::string& session_id) {
                                                     return queue_.HasLine(LineOf("lease", session_id));
                                                   }),
                      std::move(line), count, deadline, std::move(done));
  }

  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    Try<absl::StatusOr<std::vector<SessionSummary>>>(
        [&layout = layout_, request = std::move(request), deadline](PgConnection& connection, bool /*repeated*/) {
          return ListSessions(connection, layout, request, deadline);
        },
        [](const absl::Status& status) { return status; }, deadline, std::move(done));
  }

  void PurgeExpired(PurgeRequest request, absl::Time deadline, PurgeDone done) override {
    Try<absl::StatusOr<std::map<std::string, std::uint64_t>>>(
        [&layout = layout_, request = std::move(request), deadline](PgConnection& connection, bool repeated) {
          return PurgeExpiredKeys(connection, layout, request, repeated, deadline);
        },
        [](const absl::Status& status) { return status; }, deadline, std::move(done));
  }

  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    if (request.action == GrantRequest::Action::kGetMaintenance) return GetMaintenance(deadline, std::move(done));
    AskGrants(std::move(request), deadline, std::move(done));
  }

  void Ping(absl::Time deadline, PingDone done) override {
    auto answer = std::make_shared<AnswerOnce<absl::Status>>(std::move(done));
    pings_.Add({deadline, "",
                [this, deadline, answer](PgConnection& connection) {
                  absl::Status alive = PingDatabase(connection, deadline);
                  const std::optional<Failure> lack = queue_.TooFew();
                  // A database that lives and lets nobody in is as good as none.
                  if (alive.ok() && lack.has_value()) alive = ToStatus(*lack);
                  if (!lack.has_value() && ReasonOf(alive) == kTooManyConnections) {
                    PingAmongCalls(deadline, answer);
                  } else {
                    answer->Give(std::move(alive));
                  }
                  return std::optional<PutBack>();
                },
                [answer](absl::Status status, bool /*at_work*/) { answer->Give(std::move(status)); }});
  }

  Description Describe() const override {
    Description description = description_;
    // What was taken for a pooler in session mode does not keep sessions.
    if (names_.lost()) description.pooler = std::string(PoolerName(PoolerMode::kTransaction));
    return description;
  }

  absl::Status CheckHolds(const Commit& commit) const override { return CheckLayoutHolds(layout_.name, commit); }

 private:
  void AskGrants(GrantRequest request, absl::Time deadline, GrantsDone done) {
    Try<absl::StatusOr<GrantResult>>(
        [&layout = layout_, request = std::move(request), deadline](PgConnection& connection, bool repeated) {
          return DoGrants(connection, layout, request, repeated, deadline);
        },
        [](const absl::Status& status) { return status; }, deadline, std::move(done));
  }

  // Writes may wait for it, so it does not wait behind them: it has the connection of the signs of life, and is among
  // the calls only where those have all that can be had.
  void GetMaintenance(absl::Time deadline, GrantsDone done) {
    auto answer = std::make_shared<AnswerOnce<absl::StatusOr<GrantResult>>>(std::move(done));
    pings_.Add({deadline, "",
                [this, deadline, answer](PgConnection& connection) {
                  GrantRequest get;
                  get.action = GrantRequest::Action::kGetMaintenance;
                  auto told = DoGrants(connection, layout_, get, /*repeated=*/false, deadline);
                  if (told.has_value() && ReasonOf(told->status()) == kTooManyConnections) {
                    AskGrants(std::move(get), deadline,
                              [answer](absl::StatusOr<GrantResult> result) { answer->Give(std::move(result)); });
                  } else if (told.has_value()) {
                    answer->Give(*std::move(told));
                  }
                  return told.has_value() ? std::nullopt : std::make_optional(PutBack{});
                },
                [answer](const absl::Status& status, bool /*at_work*/) { answer->Give(status); }});
  }

  // Where the calls have all the connections that can be had, one of those tells as well.
  void PingAmongCalls(absl::Time deadline, const std::shared_ptr<AnswerOnce<absl::Status>>& answer) {
    queue_.Add({deadline, "",
                [deadline, answer](PgConnection& connection) {
                  answer->Give(PingDatabase(connection, deadline));
                  return std::optional<PutBack>();
                },
                [answer](absl::Status status, bool /*at_work*/) { answer->Give(std::move(status)); }});
  }

  // The line of work for one session (ConnectionWork).
  static std::string LineOf(absl::string_view kind, const std::string& session_id) {
    return absl::StrCat(kind, " ", session_id);
  }
  // The line of a call; it is in none if it is for several sessions, or waits for no lock.
  template <typename Request>
  static std::string LineOf(absl::string_view kind, const std::vector<Request>& requests) {
    const bool one = !requests.empty() && std::all_of(requests.begin(), requests.end(), [&](const Request& request) {
      return request.wait_for_lock && request.session_id == requests.front().session_id;
    });
    return one ? LineOf(kind, requests.front().session_id) : "";
  }

  // Adds work of several visits, a SessionWriter or LeaseBatch for `count` members.
  template <typename Visitor, typename Done>
  void Visit(std::shared_ptr<Visitor> visitor, std::string line, std::size_t count, absl::Time deadline, Done done) {
    using Results = typename Visitor::Results;
    auto answer = std::make_shared<AnswerOnce<Results>>(std::move(done));
    queue_.Add({deadline, std::move(line),
                [visitor, answer](PgConnection& connection) {
                  const std::optional<PutBack> put_back = visitor->Work(connection);
                  if (!put_back.has_value()) answer->Give(visitor->Finish());
                  return put_back;
                },
                [visitor, count, answer](const absl::Status& status, bool at_work) {
                  answer->Give(at_work ? Results(count, status) : visitor->Finish(status));
                }});
  }

  // Adds work that is done by the first try that no lock is in the way of: `ask` answers nullopt until then.
  template <typename Answer, typename Ask, typename Fail, typename Done>
  void Try(Ask ask, Fail fail, absl::Time deadline, Done done) {
    auto answer = std::make_shared<AnswerOnce<Answer>>(std::move(done));
    queue_.Add({deadline, "",
                [ask = std::move(ask), answer, repeated = false](PgConnection& connection) mutable {
                  std::optional<Answer> result = ask(connection, std::exchange(repeated, true));
                  if (!result.has_value()) return std::make_optional(PutBack{});
                  answer->Give(*std::move(result));
                  return std::optional<PutBack>();
                },
                [fail = std::move(fail), answer](const absl::Status& status, bool /*at_work*/) {
                  answer->Give(fail(status));
                }});
  }

  std::unique_ptr<PgConnection> NewConnection(const PostgresOptions& options, const Conninfo& conninfo) {
    return std::make_unique<PgConnection>(conninfo, options.call_timeout, *timer_, options.stats, &names_);
  }

  const Description description_;
  const Layout& layout_;
  // In the order of use: what a member needs stands before it.
  const std::shared_ptr<DeadlineTimer> timer_;
  StatementNames names_;
  PatchBases patch_bases_;
  SessionKeys keys_;
  ConnectionQueue queue_;
  SnapshotPool snapshots_;
  // Signs of life have a connection of their own, past all calls that wait.
  ConnectionQueue pings_{*timer_, kMaxPings, absl::InfiniteDuration()};
  std::unique_ptr<ConnectionThread> ping_thread_;
  std::vector<std::unique_ptr<ConnectionThread>> threads_;
};

}  // namespace

absl::Status CheckLayoutHolds(absl::string_view layout, const Commit& commit) {
  const auto encode = layout == LegacyLayout().name ? LegacyLayout().encode : nullptr;
  if (encode == nullptr) return absl::OkStatus();
  Commit encoded = commit;
  return WithOutcome(encode(encoded), Outcome::kNotApplied);
}

absl::StatusOr<std::unique_ptr<Backend>> OpenPostgresBackend(const PostgresOptions& options) {
  if (options.connections < 2) return absl::InvalidArgumentError("connections: must be at least 2");
  const auto conninfo = ParseConninfo(options.url, options.connect_timeout);
  if (!conninfo.ok()) return conninfo.status();
  const auto facts = ProbeConnection(*conninfo, options.name, options.connect_timeout);
  if (!facts.ok()) return facts.status();
  auto timer = options.timer != nullptr ? options.timer : std::make_shared<DeadlineTimer>();
  PgConnection connection(*conninfo, options.call_timeout, *timer, options.stats);
  PgConnection second(*conninfo, options.call_timeout, *timer, options.stats);
  {
    // That many can be had at once, or it would not serve for long.
    PgConnection third(*conninfo, options.call_timeout, *timer, options.stats);
    std::vector<PgConnection*> needed = {&connection, &second, &third};
    needed.resize(std::min(needed.size(), static_cast<std::size_t>(options.connections)));
    for (PgConnection* const each : needed) {
      if (absl::Status connected = each->Connect(); !connected.ok()) return connected;
    }
  }
  const absl::Time deadline = absl::Now() + options.call_timeout;
  PoolerMode pooler = options.pooler;
  if (pooler == PoolerMode::kDetect) {
    const auto detected = DetectPooler(connection, second, deadline);
    if (!detected.ok()) return detected.status();
    pooler = *detected;
  }
  const auto layout = FindLayout(connection, options.layout, deadline);
  if (!layout.ok()) return layout.status();
  // Before the schema is read: of hidden rows, its migrations would look as if they had never been.
  if (absl::Status visible = CheckRowsAreVisible(connection, **layout, deadline); !visible.ok()) return visible;
  const auto schema =
      EnsurePostgresSchema(connection, (*layout)->schema, options.migrate, options.allowed_roles, deadline);
  if (!schema.ok()) return schema.status();
  if (absl::Status tables = CheckTables(connection, **layout, deadline); !tables.ok()) return tables;
  if (absl::Status closed = CheckExposure(connection, **layout, options, deadline); !closed.ok()) return closed;
  std::string hiding_key;
  if (!options.without_keyring) {
    const Keyring* const keyring = options.keyring.get();
    if (absl::Status fits = FitKeyring(connection, **layout, keyring, deadline); !fits.ok()) return fits;
    auto fitted = FitHidingKey(connection, **layout, keyring, options.hide_key_ids, deadline);
    if (!fitted.ok()) return fitted.status();
    hiding_key = *std::move(fitted);
  }
  // In the legacy layout what is made stands beside a store that is not new.
  if (schema->made && (*layout)->name == "native") {
    options.warn(absl::StrCat("new, empty store at ", conninfo->location));
  }
  auto store_id = ReadStoreId(connection, **layout, deadline);
  if (!store_id.ok()) return store_id.status();
  // They go before the timer moves on.
  connection.Drop();
  second.Drop();
  PostgresOptions found = options;
  found.hide_key_ids = !hiding_key.empty();
  return WithHiddenNames(std::make_unique<PostgresBackend>(found, *conninfo, *facts, **layout, std::move(timer), pooler,
                                                           schema->version, *std::move(store_id)),
                         options.keyring.get(), hiding_key);
}

}  // namespace authstate::storage

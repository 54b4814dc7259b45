#include "storage/postgres/schema/postgres_sealer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/packed_value.h"
#include "storage/postgres/connection/connection_probe.h"
#include "storage/postgres/connection/conninfo.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/connection/pg_failure.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/schema/keyring_table.h"
#include "storage/postgres/schema/layout_detection.h"
#include "storage/postgres/schema/table_access.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/schema_statements.h"

namespace authstate::storage {
namespace {

// For a session that somebody else has locked.
constexpr absl::Duration kLockTimeout = absl::Seconds(10);
constexpr absl::Duration kStatementTimeout = absl::Minutes(10);
constexpr std::int64_t kPageBytes = std::int64_t{8} << 20;
constexpr std::int64_t kPageKeys = 5'000;

class PostgresSealer final : public SessionSealer {
 public:
  PostgresSealer(const Conninfo& conninfo, const Layout& layout)
      : location_(conninfo.location), layout_(layout), connection_(conninfo, kStatementTimeout, timer_) {}

  std::string location() const override { return location_; }

  absl::StatusOr<std::vector<KeyringMark>> Marks() override {
    return KeyringMarks(connection_, layout_, absl::Now() + kStatementTimeout);
  }
  absl::StatusOr<std::string> HidingKey() override {
    return storage::HidingKey(connection_, layout_, absl::Now() + kStatementTimeout);
  }
  absl::StatusOr<bool> RewrapHidingKey(const std::string& wrapped, const std::string& rewrapped) override;
  absl::StatusOr<std::vector<Session>> List(const std::string& after, std::size_t limit) override;
  absl::StatusOr<bool> Rewrap(const Session& session, const std::string& rewrapped) override;
  absl::StatusOr<bool> Reseal(const Session& session, const DataKey* from, const std::string& wrapped,
                              const DataKey* to) override;
  absl::StatusOr<std::vector<std::string>> ForgetUnused(const std::string& active) override;

 private:
  // Runs one statement; once one has failed, none until the next Reseal or lone statement.
  pqxx::result Run(const char* sql, const PgConnection::Parameters& parameters = {});
  pqxx::result RunAlone(const char* sql, const PgConnection::Parameters& parameters);
  absl::Status Ended() const { return failure_.has_value() ? ToStatus(*failure_) : absl::OkStatus(); }
  absl::StatusOr<bool> ResealInTransaction(const Session& session, const DataKey* from, const std::string& wrapped,
                                           const DataKey* to);
  // Those after `last`, which moves on; the last page is empty. Adds what their names count to `names`.
  absl::StatusOr<std::vector<KeyWrite>> NextKeys(const std::string& session_id, const DataKey* from, KeyName* last,
                                                 std::int64_t* names);
  void Write(const std::string& session_id, const std::vector<KeyWrite>& keys, const DataKey* to);

  const std::string location_;
  const Layout& layout_;
  DeadlineTimer timer_;
  PgConnection connection_;
  bool in_transaction_ = false;
  std::optional<Failure> failure_;
};

pqxx::result PostgresSealer::Run(const char* sql, const PgConnection::Parameters& parameters) {
  if (failure_.has_value()) return {};
  const absl::Time deadline = absl::Now() + kStatementTimeout;
  PgConnection::Execution execution = in_transaction_ ? connection_.Continue(sql, parameters, deadline)
                                                      : connection_.Execute(sql, parameters, deadline);
  failure_ = std::move(execution.failure);
  return execution.rows;
}

pqxx::result PostgresSealer::RunAlone(const char* sql, const PgConnection::Parameters& parameters) {
  failure_.reset();
  return Run(sql, parameters);
}

absl::StatusOr<bool> PostgresSealer::RewrapHidingKey(const std::string& wrapped, const std::string& rewrapped) {
  const pqxx::result rows = RunAlone(layout_.sealing.rewrap_hiding_key, {wrapped, rewrapped});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  return !rows.empty();
}

absl::StatusOr<std::vector<SessionSealer::Session>> PostgresSealer::List(const std::string& after, std::size_t limit) {
  const pqxx::result rows = RunAlone(layout_.sealing.list, {after, EncodePgInt8(static_cast<std::int64_t>(limit))});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  std::vector<Session> sessions;
  for (const auto& row : rows) {
    std::string wrapped_hex;
    ReadRow(row, sessions.emplace_back().id, wrapped_hex);
    sessions.back().wrapped = FromHex(wrapped_hex);
  }
  return sessions;
}

absl::StatusOr<bool> PostgresSealer::Rewrap(const Session& session, const std::string& rewrapped) {
  const pqxx::result rows = RunAlone(layout_.sealing.rewrap, {session.id, session.wrapped, rewrapped});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  return !rows.empty();
}

absl::StatusOr<bool> PostgresSealer::Reseal(const Session& session, const DataKey* from, const std::string& wrapped,
                                            const DataKey* to) {
  RunAlone(schema_statements::kBegin, {});
  in_transaction_ = true;
  absl::StatusOr<bool> done = ResealInTransaction(session, from, wrapped, to);
  if (done.ok() && *done) Run(schema_statements::kEnd);
  in_transaction_ = false;
  // Whatever was begun ends with the connection.
  if (!done.ok() || !*done || failure_.has_value()) connection_.Drop();
  // What another transaction has locked is for the next pass.
  if (failure_.has_value() && LockedOut(*failure_)) return false;
  return done.ok() && failure_.has_value() ? absl::StatusOr<bool>(Ended()) : done;
}

absl::StatusOr<bool> PostgresSealer::ResealInTransaction(const Session& session, const DataKey* from,
                                                         const std::string& wrapped, const DataKey* to) {
  Run(schema_statements::kLockTimeout, {EncodeLockTimeout(kLockTimeout)});
  const bool locked = !Run(layout_.sealing.lock, {session.id, session.wrapped}).empty();
  const pqxx::result head = Run(layout_.snapshot_head, {session.id, EncodePgInt8(1)});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  if (!locked || head.empty()) return false;
  std::uint64_t revision = 0;
  bool present = false;
  std::optional<std::int64_t> kind;
  absl::string_view hex;
  Lease lease;
  std::optional<std::int64_t> expected_names;
  ReadRow(head[0], revision, present, kind, hex, lease.fence, lease.owner, expected_names);
  if (kind.has_value()) {
    const ValuePlace place = {session.id, "", ""};
    const absl::StatusOr<Value> creds = layout_.to_value(place, *kind, hex, from);
    if (!creds.ok()) return creds.status();
    const PackedValue packed = PackValue(place, *creds, to);
    Run(layout_.sealing.creds, {session.id, EncodePgInt8(packed.kind), packed.bytes});
  }
  KeyName last;
  std::int64_t names = 0;
  while (true) {
    const auto keys = NextKeys(session.id, from, &last, &names);
    if (!keys.ok()) return keys.status();
    if (keys->empty()) break;
    Write(session.id, *keys, to);
  }
  if (expected_names.value_or(names) != names) return DamagedSession();
  Run(layout_.sealing.set_data_key, {session.id, wrapped});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  return true;
}

absl::StatusOr<std::vector<KeyWrite>> PostgresSealer::NextKeys(const std::string& session_id, const DataKey* from,
                                                               KeyName* last, std::int64_t* names) {
  const pqxx::result rows =
      Run(layout_.snapshot_page,
          {session_id, last->type, last->id, EncodePgInt8(kPageBytes), EncodePgInt8(kPageKeys),
           EncodePgInt8(kKeyOverheadBytes), PgArray::Text().Encode(), EncodePgAge(std::nullopt), EncodePgInt8(1)});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  std::vector<KeyWrite> keys;
  for (const auto& row : rows) {
    KeyName name;
    std::int64_t kind = 0;
    absl::string_view hex;
    std::int64_t looked_at = 0;
    std::int64_t number = 0;
    ReadRow(row, name.type, name.id, kind, hex, looked_at, number);
    // Where an index is damaged there may be no end of pages.
    if (!(*last < name)) return DamagedSession();
    absl::StatusOr<Value> value = layout_.to_value({session_id, name.type, name.id}, kind, hex, from);
    if (!value.ok()) return value.status();
    *names += number;
    *last = name;
    keys.push_back({std::move(name), *std::move(value)});
  }
  return keys;
}

void PostgresSealer::Write(const std::string& session_id, const std::vector<KeyWrite>& keys, const DataKey* to) {
  PgArray type = PgArray::Text();
  PgArray id = PgArray::Text();
  PgArray kind = PgArray::Int2();
  PgArray value = PgArray::Bytea();
  for (const KeyWrite& key : keys) {
    const PackedValue packed = PackValue({session_id, key.name.type, key.name.id}, key.value, to);
    type.AddBytes(key.name.type);
    id.AddBytes(key.name.id);
    kind.AddInt2(packed.kind);
    value.AddBytes(packed.bytes);
  }
  Run(layout_.sealing.keys, {session_id, std::move(type).Encode(), std::move(id).Encode(), std::move(kind).Encode(),
                             std::move(value).Encode()});
}

absl::StatusOr<std::vector<std::string>> PostgresSealer::ForgetUnused(const std::string& active) {
  const pqxx::result rows = RunAlone(layout_.sealing.forget, {active});
  if (absl::Status ended = Ended(); !ended.ok()) return ended;
  return FirstColumn(rows);
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionSealer>> OpenPostgresSealer(const PostgresOptions& options) {
  const auto conninfo = ParseConninfo(options.url, options.connect_timeout);
  if (!conninfo.ok()) return conninfo.status();
  const auto facts = ProbeConnection(*conninfo, options.name, options.connect_timeout);
  if (!facts.ok()) return facts.status();
  DeadlineTimer timer;
  PgConnection connection(*conninfo, options.call_timeout, timer);
  if (absl::Status connected = connection.Connect(); !connected.ok()) return connected;
  const absl::Time deadline = absl::Now() + options.call_timeout;
  const auto layout = FindLayout(connection, options.layout, deadline);
  if (!layout.ok()) return layout.status();
  if ((*layout)->sealing.keyring == nullptr) return LegacyCannotBeSealed();
  if (absl::Status visible = CheckRowsAreVisible(connection, **layout, deadline); !visible.ok()) return visible;
  return std::make_unique<PostgresSealer>(*conninfo, **layout);
}

}  // namespace authstate::storage

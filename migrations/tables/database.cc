#include "migrations/tables/database.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "migrations/tables/sql_text.h"
#include "storage/error.h"
#include "storage/postgres/connection/connection_probe.h"
#include "storage/postgres/connection/pg_failure.h"

namespace authstate::tables {
namespace {

using storage::Fault;

// What a statement may take beyond its time-out in the database, before its connection is given up.
constexpr absl::Duration kGrace = absl::Seconds(15);

std::string Setting(absl::string_view name, absl::string_view value) {
  return absl::StrCat("set_config(", QuoteLiteral(name), ", ", QuoteLiteral(value), ", true)");
}

std::string MillisecondsOf(absl::Duration duration) { return absl::StrCat(absl::ToInt64Milliseconds(duration)); }

std::string PinsOf(const Patience& patience, absl::string_view search_path, bool read_only, int version) {
  std::vector<std::string> settings = {
      Setting("statement_timeout", MillisecondsOf(patience.statement)),
      Setting("lock_timeout", MillisecondsOf(patience.lock)),
      // A transaction waits for what is read from the other database.
      Setting("idle_in_transaction_session_timeout", "0"),
      // An error in place of rows that a policy would hide.
      Setting("row_security", "off"),
      Setting("search_path", search_path),
      Setting("DateStyle", "ISO, YMD"),
      Setting("IntervalStyle", "postgres"),
      Setting("TimeZone", "UTC"),
      // From PostgreSQL 12 on the shortest text that is read back as the same number.
      Setting("extra_float_digits", "3"),
      Setting("bytea_output", "hex"),
      Setting("lc_monetary", "C"),
      Setting("xmloption", "content"),
      // A sum over a range is short; compiling it is not.
      Setting("jit", "off"),
      Setting("client_min_messages", "error"),
  };
  if (version >= 170000) settings.push_back(Setting("transaction_timeout", "0"));
  if (read_only) settings.push_back(Setting("transaction_read_only", "on"));
  return absl::StrCat("SELECT ", absl::StrJoin(settings, ", "), "; ");
}

bool MayTryAgain(const DbError& error) {
  switch (error.fault) {
    case Fault::kAgain:
    case Fault::kNeverBegan:
    case Fault::kLost:
    case Fault::kInDoubt:
    case Fault::kStandby:
    case Fault::kOverloaded:
      return !error.overran;
    default:
      return false;
  }
}

DbError Lost() {
  DbError error;
  error.fault = Fault::kLost;
  return error;
}

std::string FieldOf(const PGresult* result, int code) {
  const char* const text = result == nullptr ? nullptr : PQresultErrorField(result, code);
  return text == nullptr ? "" : text;
}

}  // namespace

absl::string_view Rows::View(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::optional<std::string> Rows::Value(int row, int column) const {
  if (IsNull(row, column)) return std::nullopt;
  return Text(row, column);
}

std::int64_t Rows::Int(int row, int column) const {
  std::int64_t number = 0;
  // It cannot fail: the server formatted it from an integer.
  if (!absl::SimpleAtoi(View(row, column), &number)) return 0;
  return number;
}

std::int64_t Rows::affected() const {
  std::int64_t count = 0;
  return absl::SimpleAtoi(PQcmdTuples(result_.get()), &count) ? count : 0;
}

absl::Status ToStatus(const DbError& error, absl::string_view what, absl::string_view where) {
  storage::Failure failure;
  failure.fault = error.fault;
  failure.sqlstate = error.sqlstate;
  failure.overran = error.overran;
  const absl::Status status = storage::ToStatus(failure);
  std::string text = absl::StrCat(what, " ", where, ": ", status.message());
  if (error.sqlstate == "42501") absl::StrAppend(&text, ": the role has not the right to");
  if (!error.message.empty()) absl::StrAppend(&text, ": ", error.message);
  if (!error.constraint.empty()) absl::StrAppend(&text, ": constraint ", error.constraint);
  if (!error.column.empty()) absl::StrAppend(&text, ": column ", error.column);
  return storage::Error(status.code(), storage::ReasonOf(status).value_or(std::string(storage::kDatabaseError)), text);
}

Database::Database(storage::Conninfo conninfo, std::string name, const Patience& patience,
                   storage::DeadlineTimer& timer, Interrupted interrupted)
    : conninfo_(std::move(conninfo)),
      name_(std::move(name)),
      location_(conninfo_.location),
      patience_(patience),
      timer_(timer),
      interrupted_(std::move(interrupted)) {}

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const storage::PostgresOptions& options,
                                                         const Patience& patience, storage::DeadlineTimer& timer,
                                                         Interrupted interrupted, absl::string_view application) {
  // The last of a keyword counts.
  auto conninfo = storage::ParseConninfo(absl::StrCat(options.url, " application_name='", application, "'"),
                                         options.connect_timeout);
  if (!conninfo.ok()) return conninfo.status();
  const auto facts = storage::ProbeConnection(*conninfo, options.name, options.connect_timeout);
  if (!facts.ok()) return facts.status();
  std::unique_ptr<Database> database(
      new Database(*std::move(conninfo), options.name, patience, timer, std::move(interrupted)));
  if (const auto error = database->Connect(); error.has_value()) {
    return ToStatus(*error, "cannot connect to", database->title());
  }
  database->UseSchema("");
  return database;
}

std::string Database::title() const { return absl::StrCat(name_, " (", location_, ")"); }

void Database::UseSchema(const std::string& schema) {
  const std::string path = schema.empty() ? "pg_catalog" : absl::StrCat("pg_catalog, ", QuoteName(schema));
  read_pins_ = PinsOf(patience_, path, true, version_);
  write_pins_ = PinsOf(patience_, path, false, version_);
}

std::optional<DbError> Database::Connect() {
  Drop();
  connection_ = PQconnectdb(conninfo_.text.c_str());
  if (PQstatus(connection_) == CONNECTION_OK) {
    version_ = PQserverVersion(connection_);
    socket_.emplace(PQsocket(connection_));
    return std::nullopt;
  }
  Drop();
  DbError error;
  error.fault = Fault::kNeverBegan;
  return error;
}

void Database::Drop() {
  watchdog_.reset();
  socket_.reset();
  if (connection_ != nullptr) PQfinish(connection_);
  connection_ = nullptr;
}

void Database::Watch() {
  watchdog_.reset();
  watchdog_ = std::make_unique<storage::Watchdog>(timer_, *socket_, absl::Now() + patience_.statement + kGrace);
}

DbError Database::Failed(const PGresult* result) {
  DbError error;
  error.overran = Overran();
  error.sqlstate = FieldOf(result, PG_DIAG_SQLSTATE);
  error.fault = storage::FaultOf(error.sqlstate);
  error.message = storage::PrimaryMessage(error.sqlstate, FieldOf(result, PG_DIAG_MESSAGE_PRIMARY));
  error.table = FieldOf(result, PG_DIAG_TABLE_NAME);
  error.column = FieldOf(result, PG_DIAG_COLUMN_NAME);
  error.constraint = FieldOf(result, PG_DIAG_CONSTRAINT_NAME);
  return error;
}

bool Database::Send(const std::string& sql) {
  if (connection_ == nullptr && Connect().has_value()) return false;
  Watch();
  return PQsendQuery(connection_, sql.c_str()) == 1;
}

std::optional<DbError> Database::Receive(Rows* rows) {
  std::optional<DbError> failed;
  bool any = false;
  while (PGresult* const result = PQgetResult(connection_)) {
    any = true;
    Rows received(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
      watchdog_.reset();
      return std::nullopt;
    }
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
      failed = Failed(result);
    }
    if (rows != nullptr) *rows = std::move(received);
  }
  if (!any && !failed.has_value()) failed = Failed(nullptr);
  const bool gone = Overran() || PQstatus(connection_) != CONNECTION_OK;
  watchdog_.reset();
  if (gone || (failed.has_value() && failed->fault == Fault::kStandby)) Drop();
  return failed;
}

std::optional<DbError> Database::TryOnce(const std::string& sql, Rows* rows) {
  if (connection_ == nullptr) {
    if (auto error = Connect(); error.has_value()) return error;
  }
  if (!Send(sql)) {
    Drop();
    return Lost();
  }
  return Receive(rows);
}

std::optional<DbError> Database::Try(const std::string& sql, Access access, Rows* rows) {
  const std::string whole = absl::StrCat(Pins(access), sql);
  storage::Backoff backoff;
  const absl::Time until = absl::Now() + patience_.away;
  while (true) {
    std::optional<DbError> error = TryOnce(whole, rows);
    if (!error.has_value() || !MayTryAgain(*error) || absl::Now() > until || !interrupted_().ok()) return error;
    backoff.Failed(absl::Now());
    absl::SleepFor(backoff.Wait(absl::Now()));
  }
}

absl::StatusOr<Rows> Database::Read(const std::string& sql) {
  if (absl::Status stopped = interrupted_(); !stopped.ok()) return stopped;
  Rows rows;
  const std::optional<DbError> error = in_transaction_ ? GoOn(sql, &rows) : Try(sql, Access::kRead, &rows);
  if (error.has_value()) return ToStatus(*error, "cannot read from", title());
  return rows;
}

absl::StatusOr<std::pair<Rows, Rows>> Database::ReadBoth(Database& first, const std::string& first_sql,
                                                         Database& second, const std::string& second_sql) {
  if (first.in_transaction_ || second.in_transaction_) {
    absl::StatusOr<Rows> one = first.Read(first_sql);
    if (!one.ok()) return one.status();
    absl::StatusOr<Rows> other = second.Read(second_sql);
    if (!other.ok()) return other.status();
    return std::make_pair(*std::move(one), *std::move(other));
  }
  // What fails here is run again by itself.
  Rows rows;
  const bool sent = first.Send(absl::StrCat(first.Pins(Access::kRead), first_sql));
  absl::StatusOr<Rows> other = second.Read(second_sql);
  const bool received = sent && !first.Receive(&rows).has_value();
  if (!sent) first.Drop();
  if (!other.ok()) return other.status();
  if (!received) {
    absl::StatusOr<Rows> again = first.Read(first_sql);
    if (!again.ok()) return again.status();
    rows = *std::move(again);
  }
  return std::make_pair(std::move(rows), *std::move(other));
}

std::optional<DbError> Database::Write(const std::string& sql, std::int64_t* affected) {
  Rows rows;
  std::optional<DbError> error = in_transaction_ ? GoOn(sql, &rows) : Try(sql, Access::kWrite, &rows);
  if (affected != nullptr) *affected = error.has_value() ? 0 : rows.affected();
  return error;
}

std::optional<DbError> Database::GoOn(const std::string& sql, Rows* rows) {
  std::optional<DbError> error;
  // The connection went, and the transaction with it.
  if (connection_ == nullptr) error = Lost();
  if (!error.has_value()) error = TryOnce(absl::StrCat("SAVEPOINT authstate_tables; ", sql), rows);
  const char* const end = error.has_value() ? "ROLLBACK TO authstate_tables" : "RELEASE authstate_tables";
  if (connection_ != nullptr) TryOnce(end, nullptr);
  undone_ = undone_ || connection_ == nullptr || (error.has_value() && MayTryAgain(*error));
  return error;
}

std::optional<DbError> Database::BeginCopy(const std::string& sql) {
  std::optional<DbError> failed = TryOnce(sql, nullptr);
  if (!failed.has_value()) Watch();
  return failed;
}

std::optional<DbError> Database::EndCopy(bool well) {
  Watch();
  PQputCopyEnd(connection_, well ? nullptr : "the reading side failed");
  return Receive(nullptr);
}

std::optional<DbError> Database::CopyTo(Database& target, const std::string& select, const std::string& into,
                                        std::int64_t* rows) {
  *rows = 0;
  const std::string out = absl::StrCat(Pins(Access::kRead), "COPY (", select, ") TO STDOUT");
  const std::string in = absl::StrCat(target.Pins(Access::kWrite), "COPY ", into, " FROM STDIN");
  const DbError reading = Lost();
  if (BeginCopy(out).has_value()) return reading;
  std::optional<DbError> failed = target.BeginCopy(in);
  std::int64_t sent = 0;
  int length = 0;
  while (!failed.has_value()) {
    char* line = nullptr;
    length = PQgetCopyData(connection_, &line, 0);
    if (length <= 0) break;
    // What is wrong with it, if anything, is said at the end.
    const bool accepted = PQputCopyData(target.connection_, line, length) == 1;
    PQfreemem(line);
    ++sent;
    if (accepted && sent < kCopyRows) continue;
    failed = target.EndCopy(accepted);
    if (!failed.has_value()) *rows += sent;
    sent = 0;
    if (!failed.has_value()) failed = target.BeginCopy(in);
  }
  if (failed.has_value()) {
    Drop();
    return failed;
  }
  // -1: all of it came. What was not ended well here is not committed there.
  const bool whole = length == -1 && !Receive(nullptr).has_value();
  if (!whole) Drop();
  failed = target.EndCopy(whole);
  if (!whole) return reading;
  if (!failed.has_value()) *rows += sent;
  return failed;
}

std::optional<DbError> Database::Transact(const std::string& first, const std::function<absl::Status()>& body,
                                          absl::Status* failed) {
  storage::Backoff backoff;
  absl::Time until = absl::InfiniteFuture();
  while (true) {
    undone_ = false;
    std::optional<DbError> error = TryOnce(absl::StrCat("BEGIN; ", Pins(Access::kWrite), first), nullptr);
    in_transaction_ = !error.has_value();
    *failed = in_transaction_ ? body() : absl::OkStatus();
    in_transaction_ = false;
    if (!error.has_value() && failed->ok()) {
      // A connection that went took the transaction with it.
      if (connection_ == nullptr) error = Lost();
      if (!error.has_value()) error = TryOnce("COMMIT", nullptr);
      if (!error.has_value()) return std::nullopt;
    }
    Drop();
    // It may have taken longer than there is patience before something went wrong.
    until = std::min(until, absl::Now() + patience_.away);
    const bool again = error.has_value() ? MayTryAgain(*error) : undone_;
    if (!again || absl::Now() > until || !interrupted_().ok()) return error;
    backoff.Failed(absl::Now());
    absl::SleepFor(backoff.Wait(absl::Now()));
  }
}

}  // namespace authstate::tables

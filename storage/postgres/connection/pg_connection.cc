#include "storage/postgres/connection/pg_connection.h"

#include <poll.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/connect_error.h"
#include "storage/postgres/connection/connection_probe.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/connection/pqxx_compat.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/statements.h"

namespace authstate::storage {
namespace {

// What libpq said of a failed connection, on one line. It names hosts, users and databases, never a password; should
// one stand in it all the same, nothing of it is shown.
std::string Cause(absl::string_view message, const std::string& password) {
  if (!password.empty() && message.find(password) != absl::string_view::npos) return "the connection was refused";
  std::string line = absl::StrReplaceAll(absl::StripAsciiWhitespace(message), {{"\n", " "}, {"\t", " "}});
  absl::RemoveExtraAsciiWhitespace(&line);
  return line;
}

// A server may say it in any language: then it is asked once more, with its SQLSTATE.
WhyNotConnected WhyNot(const Conninfo& conninfo, absl::string_view said, absl::Duration timeout) {
  ConnectFault fault = ClassifyConnectError(said);
  if (fault == ConnectFault::kOther) {
    const auto asked = ProbeConnection(conninfo, "postgres", timeout);
    const auto reason = ReasonOf(asked.status());
    if (reason == kTooManyConnections) fault = ConnectFault::kTooManyConnections;
    if (reason == kDatabaseReadOnly) fault = ConnectFault::kStandby;
  }
  if (fault == ConnectFault::kTooManyConnections) return WhyNotConnected::kNoneToSpare;
  return fault == ConnectFault::kStandby ? WhyNotConnected::kReadOnly : WhyNotConnected::kAway;
}

// invalid_sql_statement_name, duplicate_prepared_statement
bool NameWasLost(absl::string_view sqlstate) { return sqlstate == "26000" || sqlstate == "42P05"; }

}  // namespace

PgConnection::PgConnection(Conninfo conninfo, absl::Duration call_timeout, DeadlineTimer& timer,
                           std::shared_ptr<StatementStats> stats, StatementNames* names)
    : conninfo_(std::move(conninfo)),
      call_timeout_(call_timeout),
      timer_(timer),
      stats_(std::move(stats)),
      names_(names) {}

void PgConnection::Drop() {
  if (connection_ != nullptr && stats_ != nullptr) stats_->ConnectionClosed();
  connection_.reset();
  socket_.reset();
  prepared_.clear();
  clock_.Forget();
}

absl::Time PgConnection::StatementDeadline(absl::Time deadline) const {
  return std::min(deadline, absl::Now() + call_timeout_);
}

absl::Status PgConnection::Connect() {
  Drop();
  ++generation_;
  try {
    auto connection = pqxx_compat::Connect(conninfo_.text);
    socket_.emplace(connection->sock());
    connection_ = std::move(connection);
    if (stats_ != nullptr) stats_->ConnectionOpened();
  } catch (const std::exception& error) {
    return NotConnected(WhyNot(conninfo_, error.what(), conninfo_.connect_timeout),
                        Cause(error.what(), conninfo_.password));
  }
  // A pooler makes a connection of its client's alone, and lets it wait for one of the server's.
  std::string first = statements::kPing;
  // A lock on a table is waited for before a statement can set anything itself.
  if (names_ != nullptr && names_->allowed()) {
    first = absl::StrCat("SET lock_timeout = ", EncodeLockTimeout(kLockPatience), "; ", first);
  }
  const Execution proof = TryOnce(first.c_str(), {}, absl::Now() + conninfo_.connect_timeout, Planning::kForItself);
  if (proof.failure.has_value()) {
    Drop();
    return NotConnected(proof.failure->overran ? WhyNotConnected::kUnanswered : proof.failure->no_connection,
                        ToStatus(*proof.failure).message());
  }
  if (conninfo_.writes && ToText(proof.rows[0][0]) != "off") {
    Drop();
    return NotConnected(WhyNotConnected::kReadOnly, "");
  }
  backoff_.Succeeded();
  return absl::OkStatus();
}

absl::Status PgConnection::NotConnected(WhyNotConnected why, absl::string_view cause) {
  backoff_.Failed(absl::Now());
  no_connection_ = why;
  Failure failure;
  failure.fault = Fault::kNeverBegan;
  failure.no_connection = why;
  if (stats_ != nullptr) stats_->RecordConnectFailure(NameOf(failure));
  const absl::Status status = ToStatus(failure);
  return Error(status.code(), *ReasonOf(status),
               absl::StrCat("cannot connect to ", conninfo_.location, ": ",
                            why == WhyNotConnected::kAway ? cause : status.message()));
}

// Whether the connection has ended while it was idle. The server then has sent its farewell or closed the socket, so
// there is something to read; in a connection that is well there is nothing. To find out before a statement is sent
// spares its caller the doubt whether it was applied.
bool PgConnection::Broken() const {
  if (!connection_->is_open()) return true;
  pollfd socket = {connection_->sock(), POLLIN | POLLRDHUP, 0};
  return poll(&socket, 1, 0) != 0;
}

bool PgConnection::ShouldConnect() const {
  const bool connected = connection_ != nullptr && !Broken();
  return !connected && backoff_.Wait(absl::Now()) == absl::ZeroDuration();
}

Failure PgConnection::NotConnectedYet() const {
  Failure failure;
  failure.fault = Fault::kNeverBegan;
  failure.no_connection = no_connection_;
  failure.wait = backoff_.Wait(absl::Now());
  return failure;
}

std::optional<Failure> PgConnection::EnsureConnected() {
  if (connection_ != nullptr && !Broken()) return std::nullopt;
  Drop();
  if (backoff_.Wait(absl::Now()) == absl::ZeroDuration() && Connect().ok()) return std::nullopt;
  return NotConnectedYet();
}

PgConnection::Execution PgConnection::Execute(const char* sql, const Parameters& parameters, absl::Time deadline,
                                              Planning planning) {
  if (std::optional<Failure> failure = EnsureConnected(); failure.has_value()) return {*std::move(failure), {}};
  return Continue(sql, parameters, deadline, planning);
}

std::optional<Failure> PgConnection::ReadClock(absl::Time deadline) {
  if (std::optional<Failure> failure = EnsureConnected(); failure.has_value()) return failure;
  if (clock_.known()) return std::nullopt;
  const auto asked = DatabaseClock::Steady::now();
  Execution execution = Continue(statements::commit_parts::kMicros, {}, deadline);
  if (execution.failure.has_value()) return execution.failure;
  clock_.Read(asked, ToInt(execution.rows[0][0]), DatabaseClock::Steady::now());
  return std::nullopt;
}

Failure PgConnection::Failed(const std::exception& error, bool overran) {
  Failure failure;
  failure.sqlstate = pqxx_compat::SqlStateOf(error);
  failure.fault = FaultOf(failure.sqlstate);
  failure.message = PrimaryMessage(failure.sqlstate, error.what());
  // A pooler's word for it has no state of its own. The statement was not handed on.
  if (failure.fault == Fault::kLost && TellsOfTooManyConnections(error.what())) failure.fault = Fault::kNeverBegan;
  const bool none_to_spare = failure.sqlstate == "53300" || failure.sqlstate.empty();
  if (failure.fault == Fault::kNeverBegan && none_to_spare) failure.no_connection = WhyNotConnected::kNoneToSpare;
  failure.sent = true;
  failure.overran = overran;
  if (overran || ConnectionIsGone(failure) || !connection_->is_open()) Drop();
  return failure;
}

pqxx::result PgConnection::SendNamed(const char* sql, const Parameters& parameters, Planning planning) {
  if (parameters.empty() || planning == Planning::kForItself || names_ == nullptr || !names_->allowed()) {
    return pqxx_compat::Execute(*connection_, sql, parameters);
  }
  auto prepared = prepared_.find(sql);
  if (prepared == prepared_.end()) {
    std::string name = absl::StrCat("authstate_", prepared_.size());
    pqxx_compat::Prepare(*connection_, name, sql);
    prepared = prepared_.emplace(sql, std::move(name)).first;
  }
  return pqxx_compat::ExecutePrepared(*connection_, prepared->second, parameters);
}

PgConnection::Execution PgConnection::Continue(const char* sql, const Parameters& parameters, absl::Time deadline,
                                               Planning planning) {
  Execution execution = TryOnce(sql, parameters, deadline, planning);
  if (names_ == nullptr || !execution.failure.has_value() || !NameWasLost(execution.failure->sqlstate)) {
    return execution;
  }
  // It was not run. Inside a transaction the second try fails too, as the transaction has: the caller begins anew.
  names_->Lose();
  return TryOnce(sql, parameters, deadline, planning);
}

PgConnection::Execution PgConnection::TryOnce(const char* sql, const Parameters& parameters, absl::Time deadline,
                                              Planning planning) {
  const absl::Time now = absl::Now();
  Failure before;
  if (deadline <= now) {
    before.overran = true;
    return {before, {}};
  }
  if (connection_ == nullptr) {
    before.fault = Fault::kLost;
    return {before, {}};
  }
  Execution execution = Send(sql, parameters, StatementDeadline(deadline), planning);
  Count(absl::Now() - now, execution.failure);
  return execution;
}

void PgConnection::Count(absl::Duration latency, const std::optional<Failure>& failure) {
  if (stats_ == nullptr) return;
  if (!failure.has_value()) return stats_->Record(latency, "");
  stats_->Record(latency, failure->overran ? "deadline" : NameOf(*failure));
}

PgConnection::Execution PgConnection::Send(const char* sql, const Parameters& parameters, absl::Time cut_off,
                                           Planning planning) {
  bool overran = false;
  try {
    Execution execution;
    {
      const Watchdog watchdog(timer_, *socket_, cut_off);
      try {
        execution.rows = SendNamed(sql, parameters, planning);
      } catch (...) {
        overran = watchdog.fired();
        throw;
      }
      overran = watchdog.fired();
    }
    // The answer came with the deadline: it stands, but the socket is shut.
    if (overran) Drop();
    return execution;
  } catch (const std::exception& error) {
    return {Failed(error, overran), {}};
  }
}

}  // namespace authstate::storage

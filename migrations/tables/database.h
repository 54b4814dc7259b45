#ifndef AUTHSTATE_MIGRATIONS_TABLES_DATABASE_H_
#define AUTHSTATE_MIGRATIONS_TABLES_DATABASE_H_

#include <libpq-fe.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/deadline_timer.h"
#include "storage/postgres/connection/backoff.h"
#include "storage/postgres/connection/conninfo.h"
#include "storage/postgres/connection/sqlstate.h"
#include "storage/postgres/connection/watchdog.h"
#include "storage/postgres/postgres_options.h"

namespace authstate::tables {

// How sessions of a Database are called in pg_stat_activity.
inline constexpr char kApplicationName[] = "authstatectl tables";

// How long the databases may take.
struct Patience {
  // For one statement.
  absl::Duration statement = absl::Minutes(10);
  // For a lock that another transaction has.
  absl::Duration lock = absl::Seconds(10);
  // For a database that is away, or gives way to others, before it is given up.
  absl::Duration away = absl::Minutes(2);
};

// The rows that a statement came to. Values are as the output function of their type writes them.
class Rows {
 public:
  Rows() = default;
  explicit Rows(PGresult* result) : result_(result) {}

  int size() const { return PQntuples(result_.get()); }
  int columns() const { return PQnfields(result_.get()); }
  bool IsNull(int row, int column) const { return PQgetisnull(result_.get(), row, column) == 1; }
  // Empty for NULL. Ends with the rows.
  absl::string_view View(int row, int column) const;
  std::string Text(int row, int column) const { return std::string(View(row, column)); }
  std::optional<std::string> Value(int row, int column) const;
  std::int64_t Int(int row, int column) const;
  bool Bool(int row, int column) const { return View(row, column) == "t"; }
  // How many rows a statement wrote.
  std::int64_t affected() const;

 private:
  struct Clear {
    void operator()(PGresult* result) const { PQclear(result); }
  };
  std::unique_ptr<PGresult, Clear> result_;
};

// Why a statement failed. Holds nothing that quotes values.
struct DbError {
  storage::Fault fault = storage::Fault::kNever;
  std::string sqlstate;
  // Where it quotes no values (storage::PrimaryMessage); else empty.
  std::string message;
  // What the database names of it; empty where it names nothing.
  std::string table;
  std::string column;
  std::string constraint;
  bool overran = false;
};

// For people, with `what` was being done, and where.
absl::Status ToStatus(const DbError& error, absl::string_view what, absl::string_view where);

// One database that tables are read from or written to: a connection that is made anew when it broke.
//
// Every message to the server is a transaction of its own and pins, for its length, everything that decides how values
// are written (time zone, date style, digits of floats), the time-outs, an error in place of rows that row level
// security would hide, and that reading writes nothing. So there is no state of a session, and a transaction-mode
// pooler will do.
//
// Statements may be run twice, when the connection broke before an answer came: they are such that this does no harm.
// By libpq, for COPY passes through as bytes, and as libpqxx does not tell which constraint and column refused a row.
// Not thread-safe.
class Database {
 public:
  using Interrupted = std::function<absl::Status()>;
  static constexpr std::int64_t kCopyRows = 50'000;

  // Connects, after a session that only probes. `timer` outlives it. `interrupted` is asked between tries.
  // `application` is the name under which the database shows the sessions. Fails as storage::ProbeConnection does.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const storage::PostgresOptions& options,
                                                        const Patience& patience, storage::DeadlineTimer& timer,
                                                        Interrupted interrupted,
                                                        absl::string_view application = kApplicationName);
  ~Database() { Drop(); }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // The profile: `timeweb`.
  const std::string& name() const { return name_; }
  // `host:port/database`.
  const std::string& location() const { return location_; }
  // `timeweb (host:port/database)`.
  std::string title() const;

  // Names without a schema are looked for there, after those of the system; empty: there alone, so that what the
  // catalogue says is qualified.
  void UseSchema(const std::string& schema);

  // Reads, in a transaction that cannot write.
  absl::StatusOr<Rows> Read(const std::string& sql);
  // The same of two databases at the same time.
  static absl::StatusOr<std::pair<Rows, Rows>> ReadBoth(Database& first, const std::string& first_sql, Database& second,
                                                        const std::string& second_sql);

  // Writes, all of `sql` or nothing. What other transactions and lost connections undo is tried again; nullopt when it
  // is done. An error of the kind that waiting does not mend is returned at once.
  std::optional<DbError> Write(const std::string& sql, std::int64_t* affected = nullptr);

  // Pipes `select`, a SELECT, from here into COPY `into` (a table with its columns) there, which commits after every
  // kCopyRows. `rows` is the number of those that are committed. An error of the reading side has no SQLSTATE. Not
  // tried again, and not for a target that is in a transaction.
  std::optional<DbError> CopyTo(Database& target, const std::string& select, const std::string& into,
                                std::int64_t* rows);

  // Begins a transaction with the statement `first`, runs `body`, in which Read and Write go on, each with a savepoint
  // and without tries, and commits; or rolls back where `body` fails, with what is then in `failed`. What other
  // transactions and lost connections undo is done anew from the beginning, `body` included.
  std::optional<DbError> Transact(const std::string& first, const std::function<absl::Status()>& body,
                                  absl::Status* failed);

 private:
  enum class Access : std::uint8_t { kRead, kWrite };

  Database(storage::Conninfo conninfo, std::string name, const Patience& patience, storage::DeadlineTimer& timer,
           Interrupted interrupted);

  std::optional<DbError> Connect();
  void Drop();
  // One more statement of the transaction, which outlives its failure.
  std::optional<DbError> GoOn(const std::string& sql, Rows* rows);
  // Begins a COPY, from or into this database.
  std::optional<DbError> BeginCopy(const std::string& sql);
  // Ends the COPY into this database; `well`: with what was sent so far.
  std::optional<DbError> EndCopy(bool well);
  const std::string& Pins(Access access) const { return access == Access::kRead ? read_pins_ : write_pins_; }
  bool Send(const std::string& sql);
  // The last result of what was sent.
  std::optional<DbError> Receive(Rows* rows);
  std::optional<DbError> TryOnce(const std::string& sql, Rows* rows);
  // Until it succeeds, or fails for good.
  std::optional<DbError> Try(const std::string& sql, Access access, Rows* rows);
  DbError Failed(const PGresult* result);
  bool Overran() const { return watchdog_ != nullptr && watchdog_->fired(); }
  void Watch();

  const storage::Conninfo conninfo_;
  const std::string name_;
  const std::string location_;
  const Patience patience_;
  storage::DeadlineTimer& timer_;
  const Interrupted interrupted_;
  std::string read_pins_;
  std::string write_pins_;
  PGconn* connection_ = nullptr;
  std::optional<storage::Watchdog::Socket> socket_;
  std::unique_ptr<storage::Watchdog> watchdog_;
  int version_ = 0;
  bool in_transaction_ = false;
  // Whether the transaction was undone by what may be gone at the next try.
  bool undone_ = false;
};

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_DATABASE_H_

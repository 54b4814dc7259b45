#include "storage/sqlite/homes/home_row.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "storage/sqlite/homes/home_statements.h"
#include "storage/sqlite/homes/homes.h"
#include "storage/sqlite/session_row.h"

namespace authstate::storage {
namespace {

std::uint64_t NumberColumn(SQLite::Statement& select, int column) {
  return static_cast<std::uint64_t>(select.getColumn(column).getInt64());
}

// In microseconds since the Unix epoch; 0: not known.
absl::Time TimeColumn(SQLite::Statement& select, int column) {
  const std::int64_t micros = select.getColumn(column).getInt64();
  return micros == 0 ? absl::InfinitePast() : absl::FromUnixMicros(micros);
}

HomeRow HomeColumns(SQLite::Statement& select, absl::Time now) {
  HomeRow row;
  row.home.session_id = TextColumn(select, 0);
  row.home.state = static_cast<Home::State>(select.getColumn(1).getInt());
  row.home.far_fence = NumberColumn(select, 2);
  row.home.far_number = NumberColumn(select, 3);
  row.home.flushed_revision = NumberColumn(select, 4);
  const std::int64_t dirty_since = select.getColumn(5).getInt64();
  if (dirty_since != 0) row.home.dirty_since = absl::FromUnixMicros(dirty_since);
  row.whole = select.getColumn(6).getInt() != 0;
  row.home.revision = NumberColumn(select, 7);
  row.home.lease = LeaseColumns(select, 8, now);
  row.home.since = TimeColumn(select, 12);
  row.home.far_update_time = TimeColumn(select, 13);
  return row;
}

}  // namespace

std::int64_t StoredNumber(std::uint64_t number) { return static_cast<std::int64_t>(number); }

std::int64_t StoredTime(absl::Time time) { return time == absl::InfinitePast() ? 0 : absl::ToUnixMicros(time); }

SQLite::Statement& PrepareFor(SqliteConnection& connection, const char* sql, const std::string& session_id) {
  SQLite::Statement& statement = connection.Prepare(sql);
  BindText(statement, 1, session_id);
  return statement;
}

std::optional<HomeRow> SelectHome(SqliteConnection& connection, const std::string& session_id, absl::Time now) {
  SQLite::Statement& select = PrepareFor(connection, sql::kSelectHome, session_id);
  std::optional<HomeRow> row;
  if (select.executeStep()) row = HomeColumns(select, now);
  select.reset();
  return row;
}

std::optional<NearStoreIdentity> SelectNearStore(SqliteConnection& connection) {
  SQLite::Statement& select = connection.Prepare(sql::kSelectNearStore);
  std::optional<NearStoreIdentity> identity;
  if (select.executeStep()) identity = {TextColumn(select, 0), TextColumn(select, 1), TextColumn(select, 2)};
  select.reset();
  return identity;
}

void InsertNearStore(SqliteConnection& connection, const std::string& id) {
  Run(PrepareFor(connection, sql::kInsertNearStore, id));
}

void SetFarStore(SqliteConnection& connection, const std::string& far_id) {
  Run(PrepareFor(connection, sql::kSetFarId, far_id));
}

void SetFarLayout(SqliteConnection& connection, const std::string& layout) {
  Run(PrepareFor(connection, sql::kSetFarLayout, layout));
}

std::vector<Home> ListHomes(SqliteConnection& connection, absl::Time now) {
  absl::flat_hash_map<std::string, std::uint64_t> bytes;
  SQLite::Statement& sum = connection.Prepare(sql::kSumChanges);
  while (sum.executeStep()) bytes[TextColumn(sum, 0)] = NumberColumn(sum, 1);
  sum.reset();
  std::vector<Home> homes;
  SQLite::Statement& select = connection.Prepare(sql::kListHomes);
  while (select.executeStep()) {
    Home& home = homes.emplace_back(HomeColumns(select, now).home);
    home.dirty_bytes = bytes[home.session_id];
  }
  select.reset();
  return homes;
}

std::uint64_t CountOrphans(SqliteConnection& connection) {
  SQLite::Statement& count = connection.Prepare(sql::kCountOrphans);
  (void)count.executeStep();
  const std::uint64_t orphans = NumberColumn(count, 0);
  count.reset();
  return orphans;
}

std::vector<Home> ListCopies(SqliteConnection& connection, const std::string& after, std::size_t limit,
                             absl::Time now) {
  std::vector<Home> copies;
  SQLite::Statement& select = PrepareFor(connection, sql::kListCopies, after);
  select.bind(2, static_cast<std::int64_t>(limit));
  while (select.executeStep()) copies.push_back(HomeColumns(select, now).home);
  select.reset();
  return copies;
}

}  // namespace authstate::storage

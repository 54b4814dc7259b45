#include "storage/sqlite/homes/home_row.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "storage/checksum.h"
#include "storage/error.h"
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

// 0 in the column: nothing.
std::int64_t StoredDirtySince(const Home& home) {
  return home.dirty_since == absl::InfiniteFuture() ? 0 : absl::ToUnixMicros(home.dirty_since);
}

std::string Checksum(const HomeRow& row) {
  const Home& home = row.home;
  return RecordChecksum(absl::StrCat(home.session_id.size(), ":", home.session_id, static_cast<int>(home.state), ",",
                                     home.far_fence, ",", home.far_number, ",", home.flushed_revision, ",",
                                     StoredDirtySince(home), ",", row.whole ? 1 : 0, ",", StoredTime(home.since), ",",
                                     StoredTime(home.far_update_time), ",", row.changes));
}

HomeRow UncheckedColumns(SQLite::Statement& select, absl::Time now) {
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
  row.changes = NumberColumn(select, 14);
  return row;
}

absl::StatusOr<HomeRow> HomeColumns(SQLite::Statement& select, absl::Time now) {
  HomeRow row = UncheckedColumns(select, now);
  if (TextColumn(select, 15) != Checksum(row)) return DamagedHome(row.home.session_id);
  return row;
}

Home Damaged(std::string session_id) {
  Home home;
  home.session_id = std::move(session_id);
  home.damaged = true;
  return home;
}

// All that the statement finds.
std::vector<Home> Homes(SQLite::Statement& select, absl::Time now) {
  std::vector<Home> homes;
  while (select.executeStep()) {
    absl::StatusOr<HomeRow> row = HomeColumns(select, now);
    homes.push_back(row.ok() ? std::move(row->home) : Damaged(TextColumn(select, 0)));
  }
  select.reset();
  return homes;
}

}  // namespace

std::int64_t StoredNumber(std::uint64_t number) { return static_cast<std::int64_t>(number); }

std::int64_t StoredTime(absl::Time time) { return time == absl::InfinitePast() ? 0 : absl::ToUnixMicros(time); }

SQLite::Statement& PrepareFor(SqliteConnection& connection, const char* sql, const std::string& session_id) {
  SQLite::Statement& statement = connection.Prepare(sql);
  BindText(statement, 1, session_id);
  return statement;
}

absl::Status DamagedHome(const std::string& session_id) {
  return Error(absl::StatusCode::kDataLoss, kCorruptValue,
               absl::StrCat("what the file has of session ", session_id,
                            " is damaged: where it is at home, or what of it the database does not have"));
}

absl::StatusOr<std::optional<HomeRow>> SelectHome(SqliteConnection& connection, const std::string& session_id,
                                                  absl::Time now) {
  SQLite::Statement& select = PrepareFor(connection, sql::kSelectHome, session_id);
  std::optional<HomeRow> row;
  absl::Status sound;
  if (select.executeStep()) {
    absl::StatusOr<HomeRow> found = HomeColumns(select, now);
    sound = found.status();
    if (found.ok()) row = *std::move(found);
  }
  select.reset();
  if (!sound.ok()) return sound;
  return row;
}

void UpsertHome(SqliteConnection& connection, const HomeRow& row) {
  const Home& home = row.home;
  const std::string checksum = Checksum(row);
  SQLite::Statement& upsert = PrepareFor(connection, sql::kUpsertHome, home.session_id);
  upsert.bind(2, static_cast<int>(home.state));
  upsert.bind(3, StoredNumber(home.far_fence));
  upsert.bind(4, StoredNumber(home.far_number));
  upsert.bind(5, StoredNumber(home.flushed_revision));
  upsert.bind(6, StoredDirtySince(home));
  upsert.bind(7, row.whole ? 1 : 0);
  upsert.bind(8, StoredTime(home.since));
  upsert.bind(9, StoredTime(home.far_update_time));
  upsert.bind(10, StoredNumber(row.changes));
  BindBlob(upsert, 11, checksum);
  Run(upsert);
}

void BeginChecksums(SqliteConnection& connection) {
  std::vector<HomeRow> rows;
  SQLite::Statement& select = connection.Prepare(sql::kListHomes);
  while (select.executeStep()) rows.push_back(UncheckedColumns(select, absl::InfinitePast()));
  select.reset();
  BeginChecksumsOfChanges(connection);
  for (HomeRow& row : rows) {
    row.changes = CountChanges(connection, row.home.session_id);
    UpsertHome(connection, row);
  }
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
  std::vector<Home> homes = Homes(connection.Prepare(sql::kListHomes), now);
  for (Home& home : homes) home.dirty_bytes = bytes[home.session_id];
  SQLite::Statement& lost = connection.Prepare(sql::kListWithoutHome);
  while (lost.executeStep()) homes.push_back(Damaged(TextColumn(lost, 0)));
  lost.reset();
  return homes;
}

std::uint64_t CountChanges(SqliteConnection& connection, const std::string& session_id) {
  SQLite::Statement& count = PrepareFor(connection, sql::kCountChanges, session_id);
  (void)count.executeStep();
  const std::uint64_t changes = NumberColumn(count, 0);
  count.reset();
  return changes;
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
  SQLite::Statement& select = PrepareFor(connection, sql::kListCopies, after);
  select.bind(2, static_cast<std::int64_t>(limit));
  return Homes(select, now);
}

}  // namespace authstate::storage

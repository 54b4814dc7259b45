#include "storage/sqlite/sqlite_snapshot.h"

#include <utility>

#include "storage/checksum.h"
#include "storage/error.h"
#include "storage/sqlite/session_reader.h"
#include "storage/sqlite/sqlite_error.h"
#include "storage/sqlite/statements.h"

namespace authstate::storage {

std::optional<SnapshotPlace> SnapshotPlace::Take(std::atomic<int>* open, int limit) {
  if (open->fetch_add(1) < limit) return SnapshotPlace(open);
  open->fetch_sub(1);
  return std::nullopt;
}

SnapshotPlace::~SnapshotPlace() {
  if (open_ != nullptr) open_->fetch_sub(1);
}

SqliteSnapshot::SqliteSnapshot(std::unique_ptr<SqliteConnection> connection, SnapshotRequest request, absl::Time now,
                               ReadResult session, SessionRow row, std::optional<DataKey> data_key, ReaderPool* readers,
                               SnapshotPlace place)
    : connection_(std::move(connection)),
      request_(std::move(request)),
      now_(now),
      session_(std::move(session)),
      row_(std::move(row)),
      data_key_(std::move(data_key)),
      readers_(readers),
      place_(std::move(place)) {
  if (HasCreds(*connection_, request_.session_id)) read_.names = NameNumber("", "");
}

absl::StatusOr<std::unique_ptr<Snapshot>> SqliteSnapshot::Open(const std::string& path, SnapshotRequest request,
                                                               absl::Time now, const SessionKeys& keys,
                                                               ReaderPool* readers, SnapshotPlace place) {
  auto connection = std::make_unique<SqliteConnection>(path, SqliteConnection::Mode::kReadOnly);
  Run(connection->Prepare(sql::kBegin));
  ReadRequest head;
  head.session_id = request.session_id;
  head.want_creds = request.want_creds;
  SessionRow row;
  absl::StatusOr<ReadResult> session = ReadSession(*connection, head, now, keys, &row);
  if (!session.ok()) return session.status();
  if (!session->exists) return NoSession(session->revision);
  absl::StatusOr<std::optional<DataKey>> data_key = keys.Open(request.session_id, /*present=*/true, row.data_key);
  if (!data_key.ok()) return data_key.status();
  return std::unique_ptr<Snapshot>(new SqliteSnapshot(std::move(connection), std::move(request), now,
                                                      *std::move(session), std::move(row), *std::move(data_key),
                                                      readers, std::move(place)));
}

void SqliteSnapshot::Next(std::size_t max_bytes, absl::Time deadline, PageDone done) {
  readers_->Run(deadline,
                [this, max_bytes, done = std::move(done)](const absl::StatusOr<SqliteConnection*>& turn) mutable {
                  // The reader lends its thread alone: the snapshot lives on a connection of its own.
                  std::move(done)(turn.ok() ? ReadPage(max_bytes) : absl::StatusOr<Page>(turn.status()));
                });
}

absl::StatusOr<Snapshot::Page> SqliteSnapshot::ReadPage(std::size_t max_bytes) {
  absl::StatusOr<Page> page = CatchSqlite([&] {
    return ReadKeysAfter(*connection_, request_, now_, data_key_.has_value() ? &*data_key_ : nullptr, max_bytes,
                         &read_);
  });
  if (!page.ok()) return page;
  if (page->last && row_.names.has_value() && read_.names != *row_.names) return DamagedSession();
  return page;
}

}  // namespace authstate::storage

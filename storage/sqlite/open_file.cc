#include <fcntl.h>

#include <cstdint>
#include <filesystem>
#include <random>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/absolute_path.h"
#include "storage/error.h"
#include "storage/near/store_id.h"
#include "storage/sqlite/file_backend.h"
#include "storage/sqlite/sealing/keyring_table.h"
#include "storage/sqlite/sqlite_schema.h"
#include "storage/sqlite/store_marker.h"

namespace authstate::storage {
namespace {

// What SQLite would take for a database without a file.
bool IsNoFile(const std::string& path) { return path.empty() || path == ":memory:" || absl::StartsWith(path, "file:"); }

// Made, with its permissions, before SQLite would do so and leave them to the umask.
absl::StatusOr<FileLock> LockFile(const SqliteOptions& options) {
  absl::StatusOr<FileLock> lock = FileLock::Open(options.path, options.create ? O_RDWR | O_CREAT : O_RDWR);
  if (!options.create && absl::IsNotFound(lock.status())) {
    return absl::NotFoundError("no such file, and --no-create forbids to make a new store");
  }
  if (!lock.ok()) return lock;
  if (absl::Status locked = lock->Lock(); !locked.ok()) return locked;
  return lock;
}

void Configure(SqliteConnection& writer, bool is_near) {
  writer.database().exec("PRAGMA journal_mode = WAL");
  writer.database().exec("PRAGMA synchronous = FULL");
  // What a near store has was deleted elsewhere, perhaps: nothing is to be left of it.
  if (is_near) writer.database().exec("PRAGMA secure_delete = ON");
}

// Whether the file is what it is to be: a near store, or one by itself.
absl::StatusOr<std::optional<NearStoreIdentity>> IdentityOf(SqliteConnection& connection, bool is_near) {
  std::optional<NearStoreIdentity> near = SelectNearStore(connection);
  if (near.has_value() == is_near) return near;
  return Error(absl::StatusCode::kFailedPrecondition, kNearStoreMismatch,
               is_near
                   ? "is a store by itself, not the file of --write-behind; name another file"
                   : "is the file of --write-behind before another database, not a store by itself; name another file");
}

// Made when a server first opens the file as a store by itself.
std::string StoreIdOf(SqliteConnection& writer) {
  SQLite::Statement& select = writer.Prepare(sql::kSelectStoreNumber);
  (void)select.executeStep();
  std::int64_t number = select.getColumn(0).getInt64();
  select.reset();
  if (number == 0) {
    std::random_device source;
    number = std::uniform_int_distribution<std::int32_t>(1)(source);
    writer.database().exec(absl::StrCat(sql::kSetStoreNumber, number));
  }
  return absl::StrFormat("%032x", static_cast<std::uint32_t>(number));
}

absl::StatusOr<OpenedFile> OpenFile(SqliteOptions options, bool is_near) {
  absl::StatusOr<FileLock> lock = LockFile(options);
  if (!lock.ok()) return lock.status();
  return CatchSqlite([&]() -> absl::StatusOr<OpenedFile> {
    std::string hiding_key;
    auto writer = std::make_unique<SqliteConnection>(options.path, SqliteConnection::Mode::kReadWrite);
    const absl::StatusOr<PreparedSchema> schema =
        PrepareSqliteSchema(*writer, options.migrate, options.create, is_near ? RandomStoreId() : "");
    if (!schema.ok()) return schema.status();
    if (!options.without_keyring) {
      if (absl::Status fits = FitKeyring(*writer, options.keyring.get()); !fits.ok()) return fits;
      auto fitted = FitHidingKey(*writer, options.keyring.get(), options.hide_key_ids);
      if (!fitted.ok()) return fitted.status();
      hiding_key = *std::move(fitted);
    }
    // Only now is it known to be ours: this changes the file.
    Configure(*writer, is_near);
    absl::StatusOr<std::optional<NearStoreIdentity>> near = IdentityOf(*writer, is_near);
    if (!near.ok()) return near.status();
    std::string store_id = is_near ? "" : StoreIdOf(*writer);
    // The log is made with the store, so that its permissions are the store's.
    if (schema->made) Run(writer->Prepare(sql::kTrialWrite));
    if (absl::Status marked = LeaveMarker(options.path); !marked.ok()) return marked;
    std::vector<std::unique_ptr<SqliteConnection>> readers;
    const int connections = options.readers + 1;
    readers.reserve(static_cast<std::size_t>(connections));
    for (int i = 0; i < connections; ++i) {
      readers.push_back(std::make_unique<SqliteConnection>(options.path, SqliteConnection::Mode::kReadOnly));
      // It opens the log only now, by its name: later another file may bear that.
      SignOfLife(*readers.back());
    }
    absl::StatusOr<StorePlace> place = StorePlace::Of(options.path);
    if (!place.ok()) return place.status();
    if (schema->made && options.on_created != nullptr) options.on_created(options.path);
    options.hide_key_ids = !hiding_key.empty();
    return OpenedFile{std::move(options),    *std::move(lock),  *std::move(place),
                      schema->version,       *std::move(near),  std::move(store_id),
                      std::move(hiding_key), std::move(writer), std::move(readers)};
  });
}

absl::StatusOr<OpenedFile> Open(SqliteOptions options, bool is_near) {
  const std::string path = options.path;
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return absl::InvalidArgumentError("is a folder, not a file");
  if (absl::Status log = CheckLogHasItsDatabase(path); !log.ok()) return log;
  if (!options.create || !HasMarker(path)) return OpenFile(std::move(options), is_near);
  options.create = false;
  absl::StatusOr<OpenedFile> file = OpenFile(std::move(options), is_near);
  if (absl::IsNotFound(file.status())) return MarkedStoreIsGone(path);
  return file;
}

}  // namespace

absl::StatusOr<OpenedFile> OpenSqliteFile(SqliteOptions options, bool is_near) {
  if (IsNoFile(options.path)) {
    return absl::InvalidArgumentError(absl::StrCat("\"", options.path, "\" is not the path of a file"));
  }
  options.path = AbsolutePath(options.path);
  const std::string path = options.path;
  absl::StatusOr<OpenedFile> file = Open(std::move(options), is_near);
  if (file.ok()) return file;
  const absl::Status& cause = file.status();
  absl::Status named(cause.code(), absl::StrCat(path, ": ", cause.message()));
  cause.ForEachPayload(
      [&named](absl::string_view type, const absl::Cord& payload) { named.SetPayload(type, payload); });
  return named;
}

}  // namespace authstate::storage

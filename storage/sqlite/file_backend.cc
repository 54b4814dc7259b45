#include "storage/sqlite/file_backend.h"

#include <algorithm>

#include "storage/batches/batch_room.h"
#include "storage/error.h"
#include "storage/sqlite/commit_applier.h"
#include "storage/sqlite/grants.h"
#include "storage/sqlite/lease_applier.h"
#include "storage/sqlite/session_reader.h"
#include "storage/sqlite/sqlite_snapshot.h"

namespace authstate::storage {
namespace {

// The most that a lone read takes here: what has more is read by another thread.
constexpr std::size_t kLargeBytes = std::size_t{1} << 20;

// All answers of one moment: a read transaction around them.
std::vector<absl::StatusOr<ReadResult>> ReadAll(SqliteConnection& connection, const std::vector<ReadRequest>& requests,
                                                absl::Time now, const SessionKeys& keys) {
  std::vector<absl::StatusOr<ReadResult>> results;
  results.reserve(requests.size());
  try {
    Run(connection.Prepare(sql::kBegin));
    for (const ReadRequest& request : requests) results.push_back(ReadSession(connection, request, now, keys));
  } catch (const SQLite::Exception& exception) {
    results.resize(requests.size(), FromSqlite(exception));
  }
  connection.RollBackQuietly();
  const bool damaged =
      std::any_of(results.begin(), results.end(), [](const auto& result) { return absl::IsDataLoss(result.status()); });
  if (damaged) connection.ForgetPages();
  return results;
}

// What a commit may have that is done in hardly more time than the sync to disk that ends it.
constexpr std::size_t kSmallBytes = std::size_t{64} << 10;

bool IsSmall(const Commit& commit) {
  return commit.action == Commit::Action::kWrite && !commit.clear_keys && ByteSize(commit) <= kSmallBytes;
}

// A write that stands for all others.
absl::StatusOr<FileBackend::Nothing> TryToWrite(SqliteConnection& connection, const FileBackend::Nothing& nothing,
                                                absl::Time /*now*/) {
  Run(connection.Prepare(sql::kTrialWrite));
  return nothing;
}

std::vector<std::unique_ptr<SqliteConnection>> TakeLast(std::vector<std::unique_ptr<SqliteConnection>>* connections) {
  std::vector<std::unique_ptr<SqliteConnection>> last;
  last.push_back(std::move(connections->back()));
  connections->pop_back();
  return last;
}

}  // namespace

void SignOfLife(SqliteConnection& connection) {
  SQLite::Statement& ping = connection.Prepare(sql::kPing);
  (void)ping.executeStep();
  ping.reset();
}

FileBackend::FileBackend(OpenedFile file, AfterCommit after_commit)
    : options_(std::move(file.options)),
      lock_(std::move(file.lock)),
      place_(std::move(file.place)),
      schema_version_(file.schema_version),
      store_id_(std::move(file.store_id)),
      after_commit_(after_commit),
      keys_(options_.keyring, options_.hide_key_ids),
      writer_(std::move(file.writer), clock_, &place_, options_.queue_limit, options_.stats),
      large_reader_(TakeLast(&file.readers), options_.queue_limit, options_.stats),
      readers_(std::move(file.readers), options_.queue_limit, options_.stats) {
  for (int i = 0; options_.stats != nullptr && i < Connections(); ++i) options_.stats->ConnectionOpened();
}

FileBackend::~FileBackend() {
  for (int i = 0; options_.stats != nullptr && i < Connections(); ++i) options_.stats->ConnectionClosed();
}

void FileBackend::Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) {
  const bool small = commits.size() == 1 && IsSmall(commits.front());
  auto job = std::make_unique<BatchJob<Commit, Applied>>(
      std::move(commits), deadline,
      [this](SqliteConnection& connection, const Commit& commit, absl::Time now) {
        bool replayed = false;
        absl::StatusOr<Applied> applied = ApplyCommit(connection, commit, now, keys_, &replayed);
        if (after_commit_ != nullptr && applied.ok() && !replayed) {
          absl::Status remembered = after_commit_(connection, commit, applied->revision, now);
          if (!remembered.ok()) return absl::StatusOr<Applied>(WithOutcome(remembered, Outcome::kNotApplied));
        }
        return applied;
      },
      std::move(done));
  if (small) return writer_.TakeSmall(std::move(job));
  writer_.Take(std::move(job));
}

void FileBackend::Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) {
  // Whoever gathered a batch has bounded it. What a lone request finds is known once it is read: where that is much,
  // it is read among its like, and those who want little do not wait behind it.
  if (requests.size() != 1 || requests[0].max_bytes <= kLargeBytes) {
    return ReadBy(&readers_, std::move(requests), deadline, std::move(done));
  }
  std::vector<ReadRequest> bounded = requests;
  bounded[0].max_bytes = kLargeBytes;
  ReadBy(&readers_, std::move(bounded), deadline,
         [this, requests = std::move(requests), deadline,
          done = std::move(done)](std::vector<absl::StatusOr<ReadResult>> results) mutable {
           if (ReasonOf(results[0].status()) != kResponseTooLarge) return std::move(done)(std::move(results));
           ReadBy(&large_reader_, std::move(requests), deadline, std::move(done));
         });
}

void FileBackend::OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) {
  readers_.Run(deadline, [this, request = std::move(request),
                          done = std::move(done)](const absl::StatusOr<SqliteConnection*>& turn) mutable {
    if (!turn.ok()) return std::move(done)(turn.status());
    std::optional<SnapshotPlace> place = SnapshotPlace::Take(&open_snapshots_, options_.snapshots);
    if (!place.has_value()) return std::move(done)(QueueFull());
    auto snapshot = CatchSqlite([&] {
      return SqliteSnapshot::Open(options_.path, std::move(request), clock_.Now(), keys_, &readers_, *std::move(place));
    });
    // It has opened the file by its name: what another file holds, or does not hold, is no answer.
    if (absl::Status in_place = place_.Check(); !in_place.ok()) return std::move(done)(std::move(in_place));
    std::move(done)(std::move(snapshot));
  });
}

void FileBackend::Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) {
  writer_.Take(std::make_unique<BatchJob<LeaseRequest, LeaseResult>>(std::move(requests), deadline, ApplyLeaseRequest,
                                                                     std::move(done)));
}

void FileBackend::List(ListRequest request, absl::Time deadline, ListDone done) {
  readers_.Run(deadline, [this, request = std::move(request),
                          done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
    if (!connection.ok()) return std::move(done)(connection.status());
    auto sessions = CatchSqlite([&]() -> absl::StatusOr<std::vector<SessionSummary>> {
      return ListSessions(**connection, request, clock_.Now());
    });
    if (absl::IsDataLoss(sessions.status())) (*connection)->ForgetPages();
    std::move(done)(std::move(sessions));
  });
}

void FileBackend::Grants(GrantRequest request, absl::Time deadline, GrantsDone done) {
  if (request.action == GrantRequest::Action::kList) {
    return readers_.Run(deadline, [this, known = request.known_version,
                                   done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
      if (!connection.ok()) return std::move(done)(connection.status());
      auto listed = CatchSqlite([&] { return ListGrants(**connection, known, clock_.Now()); });
      if (absl::IsDataLoss(listed.status())) (*connection)->ForgetPages();
      std::move(done)(std::move(listed));
    });
  }
  if (request.action == GrantRequest::Action::kGetMaintenance) {
    return readers_.Run(deadline, [this, done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
      if (!connection.ok()) return std::move(done)(connection.status());
      std::move(done)(CatchSqlite([&] { return SelectMaintenance(**connection, clock_.Now()); }));
    });
  }
  const bool of_maintenance = request.action == GrantRequest::Action::kBeginMaintenance ||
                              request.action == GrantRequest::Action::kEndMaintenance;
  std::vector<GrantRequest> requests;
  requests.push_back(std::move(request));
  writer_.Take(std::make_unique<BatchJob<GrantRequest, GrantResult>>(
      std::move(requests), deadline, of_maintenance ? ApplyMaintenanceRequest : ApplyGrantRequest,
      [done = std::move(done)](std::vector<absl::StatusOr<GrantResult>> results) mutable {
        std::move(done)(std::move(results.front()));
      }));
}

void FileBackend::Ping(absl::Time deadline, PingDone done) {
  readers_.Run(deadline,
               [this, deadline, done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
                 if (!connection.ok()) return std::move(done)(connection.status());
                 absl::Status read = CatchSqlite([&] {
                   SignOfLife(**connection);
                   return absl::OkStatus();
                 });
                 // A store that can be read and not be written does not serve. Only then it takes a write to know
                 // better.
                 const bool writes = !writer_.failing() && place_.Check().ok();
                 if (!read.ok() || writes) return std::move(done)(std::move(read));
                 writer_.Take(std::make_unique<BatchJob<Nothing, Nothing>>(
                     std::vector<Nothing>(1), deadline, TryToWrite,
                     [done = std::move(done)](const std::vector<absl::StatusOr<Nothing>>& results) mutable {
                       std::move(done)(results[0].status());
                     }));
               });
}

Description FileBackend::Describe() const {
  return {"sqlite", "sqlite", options_.path, schema_version_, "", "", "", store_id_};
}

void FileBackend::ReadBy(ReaderPool* readers, std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) {
  readers->Run(deadline, [this, requests = std::move(requests),
                          done = std::move(done)](absl::StatusOr<SqliteConnection*> connection) mutable {
    if (connection.ok()) return std::move(done)(ReadAll(**connection, requests, clock_.Now(), keys_));
    std::move(done)(std::vector<absl::StatusOr<ReadResult>>(requests.size(), connection.status()));
  });
}

}  // namespace authstate::storage

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "storage/await_call.h"
#include "storage/batches/batch_room.h"
#include "storage/sqlite/file_backend.h"
#include "storage/sqlite/grants.h"
#include "storage/sqlite/homes/homes.h"
#include "storage/sqlite/sqlite_backend.h"

namespace authstate::storage {
namespace {

using Nothing = FileBackend::Nothing;

// The sessions of a file that remembers what changes of them.
class SqliteNearStore final : public NearStore {
 public:
  SqliteNearStore(NearStoreIdentity identity, OpenedFile file)
      : identity_(std::move(identity)), id_(identity_.id), file_(std::move(file), RememberChanges) {}

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    file_.Apply(std::move(commits), deadline, std::move(done));
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    file_.Read(std::move(requests), deadline, std::move(done));
  }
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    file_.OpenSnapshot(std::move(request), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    file_.Leases(std::move(requests), deadline, std::move(done));
  }
  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    file_.List(std::move(request), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    file_.Grants(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, PingDone done) override { file_.Ping(deadline, std::move(done)); }
  Description Describe() const override { return file_.Describe(); }

  const std::string& id() const override { return id_; }
  std::string far_id() const override {
    const absl::MutexLock lock(&mutex_);
    return identity_.far_id;
  }
  std::string far_layout() const override {
    const absl::MutexLock lock(&mutex_);
    return identity_.far_layout;
  }

  absl::Status SetFarId(const std::string& far_id) override {
    return SetOfFar(far_id, SetFarStore, &NearStoreIdentity::far_id);
  }
  absl::Status SetFarLayout(const std::string& layout) override {
    return SetOfFar(layout, storage::SetFarLayout, &NearStoreIdentity::far_layout);
  }

  void KeepGrants(GrantResult listed, absl::Time deadline, PingDone done) override {
    Write(deadline, std::move(listed), ReplaceGrants, std::move(done));
  }

  void Change(std::vector<HomeChange> changes, absl::Time deadline, ChangeDone done) override {
    file_.WriteEach<HomeChange>(
        std::move(changes), deadline,
        [this](SqliteConnection& connection, const HomeChange& change, absl::Time now) -> absl::StatusOr<Nothing> {
          if (absl::Status changed = ApplyHomeChange(connection, change, now, file_.keys()); !changed.ok()) {
            return changed;
          }
          return Nothing{};
        },
        [done = std::move(done)](const std::vector<absl::StatusOr<Nothing>>& results) mutable {
          std::vector<absl::Status> statuses;
          statuses.reserve(results.size());
          for (const auto& result : results) statuses.push_back(result.status());
          std::move(done)(std::move(statuses));
        });
  }

  void ReadUnflushed(std::vector<std::string> session_ids, std::size_t max_bytes, absl::Time deadline,
                     UnflushedDone done) override {
    using Unflushed = std::vector<absl::StatusOr<UnflushedChanges>>;
    const std::size_t count = session_ids.size();
    file_.Ask<Unflushed>(
        deadline,
        [this, session_ids = std::move(session_ids), max_bytes](SqliteConnection& connection, absl::Time now) {
          Unflushed all;
          std::size_t bytes = 0;
          for (const std::string& session_id : session_ids) {
            if (!all.empty() && bytes >= max_bytes) break;
            all.push_back(SelectUnflushed(connection, session_id, now, file_.keys()));
            if (all.back().ok()) bytes += ByteSize(all.back()->commit);
          }
          return all;
        },
        [count, done = std::move(done)](absl::StatusOr<Unflushed> all) mutable {
          std::move(done)(all.ok() ? *std::move(all) : Unflushed(count, all.status()));
        });
  }

  void ReadHomes(absl::Time deadline, HomesDone done) override {
    file_.Ask<std::vector<Home>>(
        deadline, [](SqliteConnection& connection, absl::Time now) { return ListHomes(connection, now); },
        std::move(done));
  }

  void ReadCopies(std::string after, std::size_t limit, absl::Time deadline, HomesDone done) override {
    file_.Ask<std::vector<Home>>(
        deadline,
        [after = std::move(after), limit](SqliteConnection& connection, absl::Time now) {
          return ListCopies(connection, after, limit, now);
        },
        std::move(done));
  }

  void CountOrphans(absl::Time deadline, CountDone done) override {
    file_.Ask<std::uint64_t>(
        deadline,
        [](SqliteConnection& connection, absl::Time /*now*/) -> absl::StatusOr<std::uint64_t> {
          return storage::CountOrphans(connection);
        },
        std::move(done));
  }

 private:
  absl::Status SetOfFar(const std::string& text, void (*set)(SqliteConnection&, const std::string&),
                        std::string NearStoreIdentity::*field) {
    absl::Status written =
        AwaitCall<absl::Status>([&](auto done) { Write(absl::InfiniteFuture(), text, set, std::move(done)); });
    if (!written.ok()) return written;
    const absl::MutexLock lock(&mutex_);
    identity_.*field = text;
    return written;
  }

  // Has the writer do one thing that cannot be refused.
  template <typename Subject>
  void Write(absl::Time deadline, Subject subject, void (*write)(SqliteConnection&, const Subject&), PingDone done) {
    std::vector<Subject> subjects;
    subjects.push_back(std::move(subject));
    file_.WriteEach<Subject>(
        std::move(subjects), deadline,
        [write](SqliteConnection& connection, const Subject& member, absl::Time /*now*/) -> absl::StatusOr<Nothing> {
          write(connection, member);
          return Nothing{};
        },
        [done = std::move(done)](const std::vector<absl::StatusOr<Nothing>>& results) mutable {
          std::move(done)(results.front().status());
        });
  }

  mutable absl::Mutex mutex_;
  NearStoreIdentity identity_ ABSL_GUARDED_BY(mutex_);
  const std::string id_;
  FileBackend file_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<NearStore>> OpenSqliteNearStore(SqliteOptions options) {
  // What the flusher reads of the file are names as callers know them.
  if (options.hide_key_ids) {
    return absl::InvalidArgumentError(absl::StrCat(options.path, ": a near store does not hide key ids"));
  }
  absl::StatusOr<OpenedFile> file = OpenSqliteFile(std::move(options), /*is_near=*/true);
  if (!file.ok()) return file.status();
  NearStoreIdentity identity = file->near.value_or(NearStoreIdentity());
  return std::make_unique<SqliteNearStore>(std::move(identity), *std::move(file));
}

}  // namespace authstate::storage

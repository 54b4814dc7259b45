#include "storage/postgres/session/snapshot_pool.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/answer_once.h"
#include "storage/postgres/connection/connection_queue.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/sql/pg_array.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/statements.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
// Bounds what one page looks at where keys are tiny.
constexpr std::int64_t kMaxPageKeys = 20'000;
constexpr absl::Duration kEndTimeout = absl::Seconds(5);

// Where a snapshot stands, and what it began with.
struct State {
  SnapshotRequest request;
  std::uint64_t revision = 0;
  std::optional<Value> creds;
  // Owner and fence alone: a snapshot's lease is for CheckFence.
  Lease lease;
  RecentCommits recent_commits;
  // The connection that has its transaction (PgConnection::generation).
  std::uint64_t generation = 0;
  // The last key that was read; nothing is before the empty name.
  KeyName last;
  // The sum over the names of the keys that were read, and of those that there should be, where that is known.
  std::int64_t names = 0;
  std::optional<std::int64_t> expected_names;
  std::optional<DataKey> data_key;
};

const DataKey* KeyOf(const State& state) { return state.data_key.has_value() ? &*state.data_key : nullptr; }

// NotFound; DataLoss when there is something of the session.
absl::Status Absent(PgConnection& connection, const Layout& layout, const std::string& session_id,
                    std::uint64_t revision, absl::Time deadline) {
  if (layout.damaged == nullptr) return NoSession(revision);
  PgArray session_ids = PgArray::Text();
  session_ids.AddBytes(session_id);
  const auto damaged = connection.Continue(layout.damaged, {std::move(session_ids).Encode()}, deadline);
  if (damaged.failure.has_value()) return ToStatus(*damaged.failure);
  return damaged.rows.empty() ? NoSession(revision) : DamagedSession();
}

// Nullopt: a lock was in the way.
std::optional<absl::StatusOr<std::shared_ptr<State>>> Begin(PgConnection& connection, const std::string& begin,
                                                            const Layout& layout, SessionKeys& keys,
                                                            const SnapshotRequest& request, absl::Time deadline) {
  const auto begun = connection.Execute(begin.c_str(), {}, deadline);
  if (begun.failure.has_value()) return ToStatus(*begun.failure);
  const auto head = connection.Continue(layout.snapshot_head,
                                        {request.session_id, EncodePgInt8(request.want_creds ? 1 : 0)}, deadline);
  if (head.failure.has_value() && LockedOut(*head.failure)) return std::nullopt;
  if (head.failure.has_value()) return ToStatus(*head.failure);

  if (head.rows.empty()) return Absent(connection, layout, request.session_id, 0, deadline);
  auto state = std::make_shared<State>();
  state->request = request;
  state->generation = connection.generation();
  bool present = false;
  std::optional<std::int64_t> kind;
  absl::string_view hex;
  absl::string_view wrapped;
  absl::string_view recent_ids;
  absl::string_view recent_revisions;
  ReadRow(head.rows[0], state->revision, present, kind, hex, state->lease.fence, state->lease.owner,
          state->expected_names, wrapped, recent_ids, recent_revisions);
  state->recent_commits = ToRecentCommits(recent_ids, recent_revisions);
  if (!present) return Absent(connection, layout, request.session_id, state->revision, deadline);
  auto data_key = keys.Open(request.session_id, present, FromHex(wrapped));
  if (!data_key.ok()) return data_key.status();
  state->data_key = *std::move(data_key);
  keys.Saw(request.session_id, present, FromHex(wrapped));
  if (kind.has_value()) {
    auto creds = layout.to_value({request.session_id, "", ""}, *kind, hex, KeyOf(*state));
    if (!creds.ok()) return creds.status();
    state->creds = *std::move(creds);
  }
  return state;
}

void End(PgConnection& connection) {
  const auto ended = connection.Continue(statements::kEndSnapshot, {}, absl::Now() + kEndTimeout);
  if (ended.failure.has_value()) connection.Drop();
}

PgConnection::Parameters EncodePage(const State& state, std::size_t max_bytes) {
  const SnapshotRequest& request = state.request;
  const auto bytes = static_cast<std::int64_t>(
      std::min(max_bytes, static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max())));
  PgArray types = PgArray::Text();
  for (const std::string& type : request.types) types.AddBytes(type);
  return {request.session_id,
          state.last.type,
          state.last.id,
          EncodePgInt8(bytes),
          EncodePgInt8(kMaxPageKeys),
          EncodePgInt8(kKeyOverheadBytes),
          std::move(types).Encode(),
          EncodePgAge(request.unchanged_for),
          EncodePgInt8(request.want_values ? 1 : 0)};
}

absl::Status ReadKeys(PgConnection& connection, const Layout& layout, State& state, std::size_t max_bytes,
                      absl::Time deadline, Snapshot::Page* page) {
  const auto execution = connection.Continue(layout.snapshot_page, EncodePage(state, max_bytes), deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  page->last = true;
  for (const auto& row : execution.rows) {
    KeySummary key;
    // NULL: it is not asked for.
    std::optional<std::int64_t> kind;
    absl::string_view hex;
    std::int64_t keys = 0;
    std::int64_t number = 0;
    std::optional<std::int64_t> changed_at;
    ReadRow(row, key.name.type, key.name.id, kind, hex, keys, number, key.stored_bytes, changed_at);
    // Where an index is damaged there may be no end of pages.
    if (!(state.last < key.name)) return DamagedSession();
    state.last = key.name;
    state.names += number;
    page->last = keys == static_cast<std::int64_t>(execution.rows.size());
    if (!kind.has_value()) continue;
    if (state.request.want_values) {
      auto value = layout.to_value({state.request.session_id, key.name.type, key.name.id}, *kind, hex, KeyOf(state));
      if (!value.ok()) return value.status();
      page->keys.push_back({key.name, *std::move(value)});
    }
    if (state.request.summarizes()) {
      if (changed_at.has_value()) key.change_time = absl::FromUnixMicros(*changed_at);
      page->summaries.push_back(std::move(key));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Snapshot::Page> ReadPage(PgConnection& connection, const Layout& layout, State& state,
                                        std::size_t max_bytes, absl::Time deadline) {
  if (connection.generation() != state.generation) {
    Failure failure;
    failure.fault = Fault::kLost;
    return ToStatus(failure);
  }
  Snapshot::Page page;
  // Keys that are not asked for make no page.
  while (page.empty() && !page.last) {
    absl::Status read = ReadKeys(connection, layout, state, max_bytes, deadline, &page);
    if (!read.ok()) return read;
  }
  if (page.last && state.expected_names.value_or(state.names) != state.names) return DamagedSession();
  return page;
}

}  // namespace

struct SnapshotPool::Lane {
  explicit Lane(DeadlineTimer& timer) : queue(timer, kNoLimit, absl::InfiniteDuration()) {}

  // Does what comes until the snapshot is gone.
  void Serve(PgConnection& connection) {
    queue.AddThread();
    while (queue.Claim()) queue.RunNext(connection);
  }

  ConnectionQueue queue;
};

class SnapshotPool::Place {
 public:
  explicit Place(SnapshotPool& pool) : pool_(pool) {}
  ~Place() {
    const absl::MutexLock lock(&pool_.mutex_);
    --pool_.taken_;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

 private:
  SnapshotPool& pool_;
};

class PostgresSnapshot final : public Snapshot {
 public:
  PostgresSnapshot(const Layout& layout, std::unique_ptr<SnapshotPool::Place> place,
                   std::shared_ptr<SnapshotPool::Lane> lane, std::shared_ptr<State> state)
      : layout_(layout), place_(std::move(place)), lane_(std::move(lane)), state_(std::move(state)) {}

  ~PostgresSnapshot() override { lane_->queue.Close(); }

  std::uint64_t revision() const override { return state_->revision; }
  const std::optional<Value>& creds() const override { return state_->creds; }
  const Lease& lease() const override { return state_->lease; }
  const RecentCommits& recent_commits() const override { return state_->recent_commits; }

  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override {
    auto answer = std::make_shared<AnswerOnce<absl::StatusOr<Page>>>(std::move(done));
    lane_->queue.Add({deadline, "",
                      [&layout = layout_, state = state_, max_bytes, deadline, answer](PgConnection& connection) {
                        answer->Give(ReadPage(connection, layout, *state, max_bytes, deadline));
                        return std::optional<PutBack>();
                      },
                      [answer](absl::Status status, bool /*at_work*/) { answer->Give(std::move(status)); }});
  }

 private:
  const Layout& layout_;
  const std::unique_ptr<SnapshotPool::Place> place_;
  const std::shared_ptr<SnapshotPool::Lane> lane_;
  const std::shared_ptr<State> state_;
};

SnapshotPool::SnapshotPool(const Layout& layout, SessionKeys& keys, ConnectionQueue& queue, DeadlineTimer& timer,
                           absl::Duration statement_timeout)
    : layout_(layout),
      keys_(keys),
      queue_(queue),
      timer_(timer),
      begin_(absl::StrReplaceAll(statements::kBeginSnapshot,
                                 {{"$S", absl::StrCat(absl::ToInt64Milliseconds(statement_timeout))},
                                  {"$L", EncodeLockTimeout(kLockPatience)}})) {}

std::unique_ptr<SnapshotPool::Place> SnapshotPool::Take() {
  const std::size_t places = queue_.MayBeKept();
  const absl::MutexLock lock(&mutex_);
  if (taken_ >= places) return nullptr;
  ++taken_;
  return std::make_unique<Place>(*this);
}

void SnapshotPool::Open(SnapshotRequest request, absl::Time deadline, Backend::SnapshotDone done) {
  std::unique_ptr<Place> place = Take();
  if (place == nullptr) {
    const std::optional<Failure> lack = queue_.TooFew();
    std::move(done)(lack.has_value() ? ToStatus(*lack) : QueueFull());
    return;
  }
  auto answer = std::make_shared<AnswerOnce<absl::StatusOr<std::unique_ptr<Snapshot>>>>(std::move(done));
  // Made once the snapshot is open: its connection is kept for it.
  const auto lane = std::make_shared<std::shared_ptr<Lane>>();
  queue_.Add({deadline, "",
              [this, place = std::move(place), request = std::move(request), deadline, answer,
               lane](PgConnection& connection) mutable -> std::optional<PutBack> {
                auto state = Begin(connection, begin_, layout_, keys_, request, deadline);
                if (state.has_value() && state->ok()) {
                  *lane = std::make_shared<Lane>(timer_);
                  answer->Give(
                      std::make_unique<PostgresSnapshot>(layout_, std::move(place), *lane, **std::move(state)));
                  return std::nullopt;
                }
                End(connection);
                if (!state.has_value()) return PutBack{};
                // It is free before the caller asks again.
                place.reset();
                answer->Give(state->status());
                return std::nullopt;
              },
              [answer](absl::Status status, bool /*at_work*/) { answer->Give(std::move(status)); },
              [lane](PgConnection& connection) {
                if (*lane == nullptr) return;
                (*lane)->Serve(connection);
                End(connection);
              }});
}

}  // namespace authstate::storage

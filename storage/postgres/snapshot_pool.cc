#include "storage/postgres/snapshot_pool.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/answer_once.h"
#include "storage/postgres/connection_queue.h"
#include "storage/postgres/lock_timeout.h"
#include "storage/postgres/pg_array.h"
#include "storage/postgres/row.h"
#include "storage/postgres/statements.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();
// Bounds what one page looks at where values are tiny.
constexpr std::int64_t kMaxPageKeys = 20'000;
constexpr absl::Duration kEndTimeout = absl::Seconds(5);

// Where a snapshot stands, and what it began with.
struct State {
  std::string session_id;
  std::uint64_t revision = 0;
  std::optional<Value> creds;
  // Owner and fence alone: a snapshot's lease is for CheckFence.
  Lease lease;
  // The connection that has its transaction (PgConnection::generation).
  std::uint64_t generation = 0;
  // The last key that was read; nothing is before the empty name.
  KeyName last;
};

// Nullopt: a lock was in the way.
std::optional<absl::StatusOr<std::shared_ptr<State>>> Begin(PgConnection& connection, const std::string& begin,
                                                            const Layout& layout, std::string session_id,
                                                            absl::Time deadline) {
  const auto begun = connection.Execute(begin.c_str(), {}, deadline);
  if (begun.failure.has_value()) return ToStatus(*begun.failure);
  const auto head = connection.Continue(layout.snapshot_head, {session_id}, deadline);
  if (head.failure.has_value() && LockedOut(*head.failure)) return std::nullopt;
  if (head.failure.has_value()) return ToStatus(*head.failure);

  if (head.rows.empty()) return NoSession(0);
  const auto row = head.rows[0];
  auto state = std::make_shared<State>();
  state->session_id = std::move(session_id);
  state->generation = connection.generation();
  state->revision = static_cast<std::uint64_t>(ToInt(row[0]));
  if (!ToBool(row[1])) return NoSession(state->revision);
  state->lease.fence = static_cast<std::uint64_t>(ToInt(row[4]));
  state->lease.owner = ToText(row[5]);
  if (!row[2].is_null()) {
    auto creds = layout.to_value(row[2], row[3]);
    if (!creds.ok()) return creds.status();
    state->creds = *std::move(creds);
  }
  return state;
}

void End(PgConnection& connection) {
  const auto ended = connection.Continue(statements::kEndSnapshot, {}, absl::Now() + kEndTimeout);
  if (ended.failure.has_value()) connection.Drop();
}

absl::StatusOr<Snapshot::Page> ReadPage(PgConnection& connection, const Layout& layout, State& state,
                                        std::size_t max_bytes, absl::Time deadline) {
  if (connection.generation() != state.generation) {
    Failure failure;
    failure.fault = Fault::kLost;
    return ToStatus(failure);
  }
  const auto bytes = static_cast<std::int64_t>(
      std::min(max_bytes, static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max())));
  const auto execution = connection.Continue(
      layout.snapshot_page,
      {state.session_id, state.last.type, state.last.id, EncodePgInt8(bytes), EncodePgInt8(kMaxPageKeys)}, deadline);
  if (execution.failure.has_value()) return ToStatus(*execution.failure);
  Snapshot::Page page;
  page.last = true;
  for (const auto& row : execution.rows) {
    auto value = layout.to_value(row[2], row[3]);
    if (!value.ok()) return value.status();
    page.keys.push_back({{ToText(row[0]), ToText(row[1])}, *std::move(value)});
    page.last = ToInt(row[4]) == static_cast<std::int64_t>(execution.rows.size());
  }
  if (!page.keys.empty()) state.last = page.keys.back().name;
  return page;
}

}  // namespace

struct SnapshotPool::Lane {
  explicit Lane(std::unique_ptr<PgConnection> connection)
      : queue(kNoLimit, absl::InfiniteDuration()), thread(std::move(connection), queue) {}
  ~Lane() { queue.Close(); }

  ConnectionQueue queue;
  ConnectionThread thread;
};

// A lane that was taken; given back with it.
class SnapshotPool::Lease {
 public:
  Lease(SnapshotPool& pool, Lane* lane) : pool_(pool), lane_(lane) {}
  ~Lease() { pool_.GiveBack(lane_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  ConnectionQueue& queue() { return lane_->queue; }
  const Layout& layout() const { return pool_.layout_; }
  const std::string& begin() const { return pool_.begin_; }

 private:
  SnapshotPool& pool_;
  Lane* const lane_;
};

class PostgresSnapshot final : public Snapshot {
 public:
  PostgresSnapshot(std::unique_ptr<SnapshotPool::Lease> lane, std::shared_ptr<State> state)
      : lane_(std::move(lane)), state_(std::move(state)) {}

  ~PostgresSnapshot() override {
    lane_->queue().Add({absl::InfiniteFuture(), "",
                        [](PgConnection& connection) {
                          End(connection);
                          return std::optional<PutBack>();
                        },
                        [](const absl::Status& /*status*/, bool /*at_work*/) {}});
  }

  std::uint64_t revision() const override { return state_->revision; }
  const std::optional<Value>& creds() const override { return state_->creds; }
  const Lease& lease() const override { return state_->lease; }

  void Next(std::size_t max_bytes, absl::Time deadline, PageDone done) override {
    auto answer = std::make_shared<AnswerOnce<absl::StatusOr<Page>>>(std::move(done));
    lane_->queue().Add(
        {deadline, "",
         [&layout = lane_->layout(), state = state_, max_bytes, deadline, answer](PgConnection& connection) {
           answer->Give(ReadPage(connection, layout, *state, max_bytes, deadline));
           return std::optional<PutBack>();
         },
         [answer](absl::Status status, bool /*at_work*/) { answer->Give(std::move(status)); }});
  }

 private:
  const std::unique_ptr<SnapshotPool::Lease> lane_;
  const std::shared_ptr<State> state_;
};

SnapshotPool::SnapshotPool(const Layout& layout, int connections, absl::Duration statement_timeout,
                           const std::function<std::unique_ptr<PgConnection>()>& new_connection)
    : layout_(layout),
      begin_(absl::StrReplaceAll(statements::kBeginSnapshot,
                                 {{"$S", absl::StrCat(absl::ToInt64Milliseconds(statement_timeout))},
                                  {"$L", EncodeLockTimeout(kLockPatience)}})) {
  const absl::MutexLock lock(&mutex_);
  for (int i = 0; i < connections; ++i) {
    lanes_.push_back(std::make_unique<Lane>(new_connection()));
    free_.push_back(lanes_.back().get());
  }
}

SnapshotPool::~SnapshotPool() = default;

SnapshotPool::Lane* SnapshotPool::Take() {
  const absl::MutexLock lock(&mutex_);
  if (free_.empty()) return nullptr;
  Lane* const lane = free_.back();
  free_.pop_back();
  return lane;
}

void SnapshotPool::GiveBack(Lane* lane) {
  const absl::MutexLock lock(&mutex_);
  free_.push_back(lane);
}

void SnapshotPool::Open(std::string session_id, absl::Time deadline, Backend::SnapshotDone done) {
  Lane* const lane = Take();
  if (lane == nullptr) {
    std::move(done)(QueueFull());
    return;
  }
  using Opened = absl::StatusOr<std::unique_ptr<Snapshot>>;
  auto answer = std::make_shared<AnswerOnce<Opened>>(std::move(done));
  lane->queue.Add({deadline, "",
                   [lease = std::make_unique<Lease>(*this, lane), session_id = std::move(session_id), deadline,
                    answer](PgConnection& connection) mutable -> std::optional<PutBack> {
                     std::optional<Opened> opened = OpenOn(lease, connection, session_id, deadline);
                     if (!opened.has_value()) return PutBack{};
                     answer->Give(*std::move(opened));
                     return std::nullopt;
                   },
                   [answer](absl::Status status, bool /*at_work*/) { answer->Give(std::move(status)); }});
}

std::optional<absl::StatusOr<std::unique_ptr<Snapshot>>> SnapshotPool::OpenOn(std::unique_ptr<Lease>& lane,
                                                                              PgConnection& connection,
                                                                              const std::string& session_id,
                                                                              absl::Time deadline) {
  auto state = Begin(connection, lane->begin(), lane->layout(), session_id, deadline);
  if (state.has_value() && state->ok()) return std::make_unique<PostgresSnapshot>(std::move(lane), **std::move(state));
  End(connection);
  if (!state.has_value()) return std::nullopt;
  // It is free before the caller asks again.
  lane.reset();
  return state->status();
}

}  // namespace authstate::storage

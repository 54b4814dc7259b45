#ifndef AUTHSTATE_TESTS_UNIT_DECORATORS_BACKEND_SWITCH_TEST_H_
#define AUTHSTATE_TESTS_UNIT_DECORATORS_BACKEND_SWITCH_TEST_H_

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "storage/await_call.h"
#include "storage/decorators/backend_switch.h"
#include "storage/memory/memory_backend.h"

namespace authstate::storage {

inline Value Raw(std::string bytes) { return {ValueKind::kRaw, std::move(bytes)}; }

inline Commit SetKey(std::string session_id, std::string key_id, std::string bytes) {
  Commit commit;
  commit.session_id = std::move(session_id);
  commit.sets.push_back({{"pre-key", std::move(key_id)}, Raw(std::move(bytes))});
  return commit;
}

inline absl::StatusOr<Applied> Apply(Backend& backend, Commit commit) {
  auto results = AwaitCall<std::vector<absl::StatusOr<Applied>>>(
      [&](auto done) { backend.Apply({std::move(commit)}, absl::InfiniteFuture(), std::move(done)); });
  return results.front();
}

inline std::optional<Value> ReadKey(Backend& backend, const std::string& session_id, const std::string& key_id) {
  ReadRequest request;
  request.session_id = session_id;
  request.keys = {{"pre-key", key_id}};
  auto results = AwaitCall<std::vector<absl::StatusOr<ReadResult>>>(
      [&](auto done) { backend.Read({request}, absl::InfiniteFuture(), std::move(done)); });
  return results.front().ok() ? results.front()->values.front() : std::nullopt;
}

// A database that several backends reach, as two routes to one PostgreSQL do. `before_call` may hold a call up, or make
// it fail.
struct Database {
  std::shared_ptr<Backend> data = NewMemoryBackend();
  std::atomic<int> open = 0;
  std::atomic<int> calls = 0;
  std::atomic<bool> away = false;
  // Another one is where it was.
  std::atomic<bool> moved = false;
  // What it makes of every commit that it is asked about.
  std::atomic<bool> holds = true;
  // How many snapshots are refused from now on, as others have them all.
  std::atomic<int> refused_snapshots = 0;
  // While set, the answers of commits wait in `waiting`.
  std::atomic<bool> hold_answers = false;
  absl::Mutex mutex;
  std::vector<absl::AnyInvocable<void() &&>> waiting ABSL_GUARDED_BY(mutex);

  void Release() {
    std::vector<absl::AnyInvocable<void() &&>> released;
    {
      const absl::MutexLock lock(&mutex);
      hold_answers = false;
      released.swap(waiting);
    }
    for (auto& answer : released) std::move(answer)();
  }
};

class Route final : public Backend {
 public:
  explicit Route(Database& database) : database_(database) { ++database_.open; }
  ~Route() override { --database_.open; }
  Route(const Route&) = delete;
  Route& operator=(const Route&) = delete;

  void Apply(std::vector<Commit> commits, absl::Time deadline, ApplyDone done) override {
    ++database_.calls;
    database_.data->Apply(std::move(commits), deadline, [this, done = std::move(done)](auto results) mutable {
      if (!database_.hold_answers) return std::move(done)(std::move(results));
      const absl::MutexLock lock(&database_.mutex);
      database_.waiting.push_back(
          [done = std::move(done), results = std::move(results)]() mutable { std::move(done)(std::move(results)); });
    });
  }
  void Read(std::vector<ReadRequest> requests, absl::Time deadline, ReadDone done) override {
    ++database_.calls;
    database_.data->Read(std::move(requests), deadline, std::move(done));
  }
  void OpenSnapshot(SnapshotRequest request, absl::Time deadline, SnapshotDone done) override {
    if (database_.refused_snapshots > 0) {
      --database_.refused_snapshots;
      return std::move(done)(QueueFull());
    }
    database_.data->OpenSnapshot(std::move(request), deadline, std::move(done));
  }
  void Leases(std::vector<LeaseRequest> requests, absl::Time deadline, LeasesDone done) override {
    database_.data->Leases(std::move(requests), deadline, std::move(done));
  }
  void List(ListRequest request, absl::Time deadline, ListDone done) override {
    if (database_.away) return std::move(done)(absl::UnavailableError("away"));
    database_.data->List(std::move(request), deadline, std::move(done));
  }
  void Grants(GrantRequest request, absl::Time deadline, GrantsDone done) override {
    database_.data->Grants(std::move(request), deadline, std::move(done));
  }
  void Ping(absl::Time deadline, PingDone done) override {
    ++database_.calls;
    if (database_.moved) return std::move(done)(Error(absl::StatusCode::kUnavailable, kDatabaseMoved, "moved"));
    database_.data->Ping(deadline, std::move(done));
  }
  Description Describe() const override { return database_.data->Describe(); }
  absl::Status CheckHolds(const Commit& /*commit*/) const override {
    return database_.holds ? absl::OkStatus() : absl::InvalidArgumentError("not in these tables");
  }

 private:
  Database& database_;
};

// A switch between two databases.
class BackendSwitchTest : public testing::Test {
 protected:
  void Start(absl::Duration lag_patience = absl::ZeroDuration()) {
    BackendSwitch::Options options;
    options.targets = {Target("timeweb", timeweb_), Target("supabase", supabase_)};
    options.targets.front().copy = copy_;
    options.lag_patience = lag_patience;
    options.before_serving = before_serving_;
    auto created = BackendSwitch::Create(std::move(options));
    ASSERT_TRUE(created.ok());
    switch_ = *std::move(created);
  }
  void ShareData() { supabase_.data = timeweb_.data; }

  static BackendSwitch::TargetOptions Target(std::string name, Database& database) {
    BackendSwitch::TargetOptions target;
    target.name = std::move(name);
    target.open = [&database]() -> absl::StatusOr<std::unique_ptr<Backend>> {
      if (database.away) return absl::UnavailableError("cannot connect");
      return std::make_unique<Route>(database);
    };
    return target;
  }

  struct Outcome {
    absl::Status status;
    SwitchReport report;
  };
  Outcome SwitchTo(const std::string& target, bool force = false, absl::Duration max_pause = absl::Seconds(30)) {
    return AwaitCall<Outcome>([&](auto done) {
      switch_->Switch(
          {target, force, max_pause}, [this] { return cancelled_.load(); },
          [this](const SwitchProgress& progress) {
            if (on_progress_) on_progress_(progress);
          },
          [done = std::move(done)](absl::Status status, SwitchReport report) mutable {
            done({std::move(status), std::move(report)});
          });
    });
  }
  absl::StatusOr<CopyReport> Copy() {
    return AwaitCall<absl::StatusOr<CopyReport>>([&](auto done) {
      CopyRequest request;
      request.name = "copy.db";
      request.cancelled = [this] { return cancelled_.load(); };
      request.progress = [](const CopyProgress&) {};
      switch_->Copy(std::move(request), std::move(done));
    });
  }
  std::string Serving() {
    for (const TargetState& state : switch_->ListTargets()) {
      if (state.serving) return state.name;
    }
    return "";
  }

  Database timeweb_;
  Database supabase_;
  std::atomic<bool> cancelled_ = false;
  std::function<void(const SwitchProgress&)> on_progress_;
  std::function<absl::Status(const Description&, const Description&)> before_serving_;
  // Of the first.
  std::function<absl::StatusOr<CopyReport>(const CopyRequest&)> copy_;
  std::unique_ptr<BackendSwitch> switch_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_TESTS_UNIT_DECORATORS_BACKEND_SWITCH_TEST_H_

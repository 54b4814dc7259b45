#include "migrations/open_homes.h"

#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/near/store_id.h"
#include "storage/postgres/postgres_backend.h"

namespace authstate::migrations {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(1);
constexpr std::size_t kPage = 1'000;

absl::Status CheckStoreId(const std::string& store_id) {
  return storage::IsStoreId(store_id)
             ? absl::OkStatus()
             : absl::InvalidArgumentError("store_id: is not 32 hexadecimal digits in lower case");
}

}  // namespace

absl::StatusOr<std::unique_ptr<storage::Backend>> OpenFarStore(const profiles::DatabaseOptions& options,
                                                               std::vector<std::string>* warnings) {
  absl::StatusOr<profiles::PostgresTarget> target = profiles::ResolveTarget(options, options.backend);
  if (!target.ok()) return target.status();
  *warnings = std::move(target->warnings);
  target->options.connections = storage::kLeastPostgresConnections;
  target->options.without_keyring = true;
  target->options.warn = [warnings](const std::string& warning) { warnings->push_back(warning); };
  return storage::OpenPostgresBackend(target->options);
}

absl::StatusOr<HomeStore> HomeStore::Open(const profiles::DatabaseOptions& options) {
  if (options.backend == profiles::BackendChoice::kSqlite) {
    return absl::InvalidArgumentError(
        "nothing is at home before an SQLite store: name the PostgreSQL, as with --backend and its options, or the "
        "--config of authstated");
  }
  HomeStore store;
  auto far = OpenFarStore(options, &store.warnings_);
  if (!far.ok()) return far.status();
  store.far_ = *std::move(far);
  return store;
}

absl::StatusOr<std::vector<storage::FarHome>> HomeStore::List(const std::string& store_id) {
  using Page = absl::StatusOr<std::vector<storage::FarHome>>;
  if (!store_id.empty()) {
    if (absl::Status checked = CheckStoreId(store_id); !checked.ok()) return checked;
  }
  std::vector<storage::FarHome> all;
  while (true) {
    Page page = storage::AwaitCall<Page>([&](auto done) {
      storage::ListFarHomes(*far_, store_id, all.empty() ? "" : all.back().session_id, kPage, absl::Now() + kPatience,
                            std::move(done));
    });
    if (!page.ok()) return page.status();
    const bool last = page->size() < kPage;
    all.insert(all.end(), std::make_move_iterator(page->begin()), std::make_move_iterator(page->end()));
    if (last) return all;
  }
}

absl::StatusOr<storage::AbandonedHome> HomeStore::Abandon(const std::string& session_id, const std::string& store_id) {
  if (absl::Status checked = CheckStoreId(store_id); !checked.ok()) return checked;
  return storage::AwaitCall<absl::StatusOr<storage::AbandonedHome>>(
      [&](auto done) { storage::AbandonHome(*far_, session_id, store_id, absl::Now() + kPatience, std::move(done)); });
}

}  // namespace authstate::migrations

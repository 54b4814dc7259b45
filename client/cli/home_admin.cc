#include "client/cli/home_admin.h"

#include <string>
#include <utility>
#include <vector>

#include "migrations/open_homes.h"

namespace authstate::cli {
namespace {

using client::AbandonedHome;
using client::HomeInfo;

class ServerHomes final : public HomeAdmin {
 public:
  explicit ServerHomes(client::Client& client) : client_(client) {}

  absl::StatusOr<std::vector<HomeInfo>> List(const std::string& store_id) override {
    return client_.ListHomes(store_id);
  }
  absl::StatusOr<AbandonedHome> Abandon(const std::string& session_id, const std::string& store_id) override {
    return client_.AbandonHome(session_id, store_id);
  }

 private:
  client::Client& client_;
};

class DatabaseHomes final : public HomeAdmin {
 public:
  explicit DatabaseHomes(migrations::HomeStore store) : store_(std::move(store)) {}

  absl::StatusOr<std::vector<HomeInfo>> List(const std::string& store_id) override {
    auto homes = store_.List(store_id);
    if (!homes.ok()) return homes.status();
    std::vector<HomeInfo> infos;
    infos.reserve(homes->size());
    for (auto& home : *homes) {
      infos.push_back({std::move(home.session_id), std::move(home.owner.store_id), std::move(home.owner.address),
                       home.revision, home.write_time});
    }
    return infos;
  }
  absl::StatusOr<AbandonedHome> Abandon(const std::string& session_id, const std::string& store_id) override {
    auto home = store_.Abandon(session_id, store_id);
    if (!home.ok()) return home.status();
    return AbandonedHome{home->abandoned, home->revision, std::move(home->owner)};
  }

 private:
  migrations::HomeStore store_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HomeAdmin>> OpenHomes(CommandContext& context, SignalWatcher& signals,
                                                     const DatabaseChoice& database) {
  if (database.given.empty()) return std::make_unique<ServerHomes>(context.client(signals));
  const auto options = ReadDatabaseOptions(database);
  if (!options.ok()) return options.status();
  signals.Start([] {});
  auto store = migrations::HomeStore::Open(*options);
  if (!store.ok()) return store.status();
  for (const std::string& warning : store->warnings()) WarnOfDatabase(warning);
  return std::make_unique<DatabaseHomes>(*std::move(store));
}

}  // namespace authstate::cli

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/find_session.h"
#include "client/cli/terminal/exit_code.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// What the commands take; each its part.
struct SessionOptions {
  std::string session_id;
  bool yes = false;
  std::optional<std::uint64_t> expected_revision;
  WriteOptions write;
};

// How much a session keeps, without what.
struct Inventory {
  struct Keys {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };

  std::uint64_t revision = 0;
  std::optional<std::uint64_t> creds_bytes;
  std::map<std::string, Keys> types;
};

absl::StatusOr<Inventory> TakeInventory(client::Client& client, const std::string& session_id) {
  Inventory inventory;
  const absl::Status status = client.LoadSession(session_id, 0, [&inventory](const client::SessionPage& page) {
    inventory.revision = page.revision;
    if (page.creds.has_value()) inventory.creds_bytes = page.creds->bytes.size();
    for (const client::KeyEntry& entry : page.keys) {
      Inventory::Keys& keys = inventory.types[entry.name.type];
      ++keys.count;
      keys.bytes += entry.value.bytes.size();
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return inventory;
}

absl::Status ShowSession(CommandContext& context, const SessionOptions& options) {
  const std::string& session_id = options.session_id;
  const absl::StatusOr<Inventory> inventory = TakeInventory(context.client(), session_id);
  if (!inventory.ok()) return inventory.status();
  if (context.output().json()) {
    Json types = Json::array();
    for (const auto& [type, keys] : inventory->types) {
      types.push_back({{"type", type}, {"count", keys.count}, {"bytes", keys.bytes}});
    }
    Json shown{{"session_id", session_id}, {"revision", inventory->revision}};
    shown["creds_bytes"] = inventory->creds_bytes.has_value() ? Json(*inventory->creds_bytes) : Json();
    shown["keys"] = types;
    return context.output().WriteJson(shown);
  }
  const std::string creds =
      inventory->creds_bytes.has_value() ? absl::StrCat(*inventory->creds_bytes, " bytes") : "none";
  std::vector<std::vector<std::string>> rows{
      {"session", session_id}, {"revision", absl::StrCat(inventory->revision)}, {"creds", creds}};
  for (const auto& [type, keys] : inventory->types) {
    rows.push_back({type, absl::StrCat(Count(keys.count, "key"), ", ", keys.bytes, " bytes")});
  }
  return context.output().Write(Table(rows));
}

absl::StatusOr<std::string> DeletionQuestion(client::Client& client, const std::string& session_id) {
  const auto session = FindSession(client, session_id);
  if (!session.ok()) return session.status();
  if (!session->has_value()) return absl::NotFoundError(absl::StrCat("session ", session_id, " does not exist"));
  return absl::StrCat("Delete session ", session_id, (*session)->has_creds ? ", its creds" : "", " and ",
                      Count((*session)->key_count, "key"), "? This cannot be taken back.");
}

absl::Status DeleteSession(CommandContext& context, const SessionOptions& options) {
  std::atomic<bool> asking = !options.yes;
  SignalWatcher signals;
  client::Client& client = context.client();
  signals.Start([&] {
    // Nothing has begun, and the terminal cannot be waited for any less.
    if (asking) std::_Exit(static_cast<int>(ExitCode::kInterrupted));
    client.Cancel();
  });
  if (asking) {
    absl::Status confirmed = Confirm(
        "deleting a session", [&] { return DeletionQuestion(client, options.session_id); }, "not deleted");
    if (!confirmed.ok()) return confirmed;
    asking = false;
  }
  absl::StatusOr<std::uint64_t> revision;
  absl::Status deleted = WriteUnderWatch(context, options.session_id, options.write, [&](std::uint64_t fence) {
    revision = client.DeleteSession(options.session_id, options.expected_revision, fence);
    return revision.status();
  });
  if (!deleted.ok()) return deleted;
  if (context.output().json()) {
    return context.output().WriteJson({{"session_id", options.session_id}, {"revision", *revision}});
  }
  return context.output().WriteLine(absl::StrCat("deleted session ", options.session_id));
}

}  // namespace

Command SessionCommands(Action* action) {
  const auto options = std::make_shared<SessionOptions>();
  return Group("session", "List, show, check, mend, prune, copy, delete, export and import sessions",
               {SessionList(action), SessionPrune(action),
                Leaf("show", "Show what a session keeps: counts and sizes, no values", options,
                     {SessionArgument(&options->session_id)}, ShowSession, action),
                Leaf("delete", "Delete a session: its creds and all its keys", options,
                     Writing(&options->write, {SessionArgument(&options->session_id), Yes(&options->yes, "Do not ask"),
                                               ExpectedRevision(&options->expected_revision)}),
                     DeleteSession, action),
                SessionCheckCommand(action), SessionMendCommand(action), SessionCopy(action), SessionRename(action),
                SessionExport(action), SessionImport(action)});
}

}  // namespace authstate::cli

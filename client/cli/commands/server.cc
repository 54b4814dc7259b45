#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/maintenance_text.h"
#include "client/cli/terminal/text.h"
#include "client/cli/terminal/write_behind_text.h"

namespace authstate::cli {
namespace {

struct NoOptions {};

Json ToJson(const client::ServerInfo& server) {
  const client::ServerInfo::Limits& limits = server.limits;
  Json json{{"version", server.version},
            {"backend", server.backend},
            {"location", server.location},
            {"schema_version", server.schema_version},
            {"profile", server.profile},
            {"layout", server.layout},
            {"tls", server.tls},
            {"pooler", server.pooler},
            {"uptime_seconds", absl::ToInt64Seconds(server.uptime)},
            {"serving", server.serving},
            {"limits",
             {{"session_id_bytes", limits.session_id_bytes},
              {"key_type_bytes", limits.key_type_bytes},
              {"key_id_bytes", limits.key_id_bytes},
              {"value_bytes", limits.value_bytes},
              {"commit_bytes", limits.commit_bytes},
              {"commit_operations", limits.commit_operations},
              {"message_bytes", limits.message_bytes}}}};
  if (server.maintenance.has_value()) json["maintenance"] = MaintenanceJson(*server.maintenance);
  if (server.write_behind.has_value()) json["write_behind"] = WriteBehindJson(*server.write_behind, absl::Now());
  return json;
}

absl::Status ShowServer(CommandContext& context, const NoOptions& /*none*/) {
  const absl::StatusOr<client::ServerInfo> server = context.client().GetServerInfo();
  if (!server.ok()) return server.status();
  if (context.output().json()) return context.output().WriteJson(ToJson(*server));
  std::vector<std::vector<std::string>> rows{{"version", server->version},
                                             {"serving", server->serving ? "yes" : "no"},
                                             {"backend", absl::StrCat(server->profile, " ", server->location)},
                                             {"schema", absl::StrCat(server->schema_version)}};
  if (!server->layout.empty()) {
    rows.push_back({"layout", server->layout});
    rows.push_back({"TLS", server->tls.empty() ? "none" : server->tls});
    rows.push_back({"pooler", server->pooler});
  }
  rows.push_back({"uptime", absl::FormatDuration(absl::Trunc(server->uptime, absl::Seconds(1)))});
  if (server->maintenance.has_value()) {
    for (auto& row : MaintenanceRows(*server->maintenance)) rows.push_back(std::move(row));
  }
  if (server->write_behind.has_value()) {
    for (auto& row : WriteBehindRows(*server->write_behind, absl::Now())) rows.push_back(std::move(row));
  }
  return context.output().Write(Table(rows));
}

absl::Status CheckHealth(CommandContext& context, const NoOptions& /*none*/) {
  const absl::Status serving = context.client().CheckHealth();
  if (!serving.ok()) return serving;
  return context.output().json() ? context.output().WriteJson({{"serving", true}})
                                 : context.output().Write("serving\n");
}

}  // namespace

Command ServerCommands(Action* action) {
  return Group(
      "server", "Ask about the server",
      {Leaf("info", "Show version, backend, health and limits", std::make_shared<NoOptions>(), {}, ShowServer, action),
       Leaf("health", "Tell whether it serves, by the exit code too; needs no token", std::make_shared<NoOptions>(), {},
            CheckHealth, action)});
}

}  // namespace authstate::cli

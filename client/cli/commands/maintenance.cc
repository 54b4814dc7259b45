#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/maintenance_text.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

using client::MaintenanceInfo;

// Between two looks at what is still under way.
constexpr absl::Duration kLook = absl::Milliseconds(100);

struct MaintenanceOptions {
  client::MaintenanceTerms terms;
  // How long what is under way is waited for, beyond the time in which every server hears of it.
  absl::Duration wait = absl::Seconds(30);
};

absl::Status Write(CommandContext& context, const std::optional<MaintenanceInfo>& maintenance) {
  if (context.output().json()) {
    return context.output().WriteJson(
        {{"maintenance", maintenance.has_value() ? MaintenanceJson(*maintenance) : Json()}});
  }
  if (!maintenance.has_value()) return context.output().WriteLine("there is no maintenance; writes go on");
  return context.output().Write(Table(MaintenanceRows(*maintenance)));
}

// Whoever runs a backup next must not take this for the word that nothing writes.
absl::Status NotSettled(const MaintenanceInfo& maintenance) {
  return absl::DeadlineExceededError(
      absl::StrCat("maintenance is on, but ", Count(maintenance.writes_under_way, "write"),
                   " that began before still go on; ask `maintenance status`, or give `on` again"));
}

// Waits until every server has heard of it, and what this one had begun has ended; DeadlineExceeded when it has not.
absl::StatusOr<std::optional<MaintenanceInfo>> Settled(CommandContext& context, const SignalWatcher& signals,
                                                       absl::Duration wait,
                                                       std::optional<MaintenanceInfo> maintenance) {
  const absl::Time patience = absl::Now() + maintenance->settle_time + wait;
  while (maintenance.has_value() &&
         (maintenance->settle_time > absl::ZeroDuration() || maintenance->writes_under_way > 0)) {
    if (absl::Now() >= patience) return NotSettled(*maintenance);
    if (absl::Status status = signals.Sleep(std::max(maintenance->settle_time, kLook)); !status.ok()) return status;
    auto asked = context.client().GetMaintenance();
    if (!asked.ok()) return asked.status();
    maintenance = *std::move(asked);
  }
  return maintenance;
}

absl::Status On(CommandContext& context, const MaintenanceOptions& options) {
  SignalWatcher signals;
  signals.Start([&context] { context.client().Cancel(); });
  const auto begun = context.client().BeginMaintenance(options.terms);
  if (!begun.ok()) return begun.status();
  const auto settled = Settled(context, signals, options.wait, *begun);
  if (!settled.ok()) return settled.status();
  if (!settled->has_value()) {
    return absl::AbortedError("somebody has ended the maintenance before every server had heard of it");
  }
  return Write(context, *settled);
}

absl::Status Off(CommandContext& context, const MaintenanceOptions& /*options*/) {
  const absl::Status ended = context.client().EndMaintenance();
  if (!ended.ok()) return ended;
  return Write(context, std::nullopt);
}

absl::Status Status(CommandContext& context, const MaintenanceOptions& /*options*/) {
  const auto maintenance = context.client().GetMaintenance();
  if (!maintenance.ok()) return maintenance.status();
  return Write(context, *maintenance);
}

}  // namespace

Command MaintenanceCommands(Action* action) {
  const auto options = std::make_shared<MaintenanceOptions>();
  return Group(
      "maintenance", "Let no server of the database write to it for a while",
      {Leaf(
           "on", "Hold writes, and return when no server writes any more; again, it changes the terms", options,
           {Required(Text("--reason", &options->terms.reason, "Why, for whoever is refused")),
            profiles::Duration("--hold", &options->terms.hold, absl::ZeroDuration(), absl::Hours(1),
                               "For how long a write waits for the end before it is refused"),
            profiles::Duration("--wait", &options->wait, absl::ZeroDuration(), absl::Hours(1),
                               "For how long to wait for writes that began before; an error if they then still go on"),
            profiles::List("--allow", &options->terms.allowed_prefixes,
                           "Sessions whose id starts with this are written all the same; may be given more than once")},
           On, action),
       Leaf("off", "Let writes go on", options, {}, Off, action),
       Leaf("status", "Show whether there is maintenance, and what waits for its end", options, {}, Status, action)});
}

}  // namespace authstate::cli

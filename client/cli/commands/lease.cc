#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/lease_text.h"
#include "client/cli/text.h"

namespace authstate::cli {
namespace {

constexpr char kSessionHelp[] = "The session's id";
constexpr absl::Duration kDefaultTtl = absl::Seconds(30);

struct LeaseOptions {
  std::string session_id;
  std::string owner;
  std::uint64_t fence = 0;
  absl::Duration ttl = kDefaultTtl;
  bool steal = false;
};

std::string ParseTtl(const std::string& text, absl::Duration* ttl) {
  const bool valid = absl::ParseDuration(text, ttl) && *ttl >= absl::Seconds(1) && *ttl <= absl::Hours(1);
  return valid ? "" : "a duration from 1s to 1h is expected, such as 30s";
}

absl::Status Show(CommandContext& context, const std::string& session_id, const absl::StatusOr<client::Lease>& lease) {
  if (!lease.ok()) return lease.status();
  if (context.output().json()) {
    Json shown{{"session_id", session_id}};
    shown.update(LeaseJson(*lease));
    return context.output().WriteLine(ToText(shown));
  }
  return context.output().Write(Table({{"session", session_id},
                                       {"owner", lease->owner.empty() ? "nobody" : lease->owner},
                                       {"fence", absl::StrCat(lease->fence)},
                                       {"lease", LifeOf(*lease)}}));
}

absl::Status ListLeases(CommandContext& context, const std::string& prefix) {
  std::vector<std::vector<std::string>> rows{{"SESSION", "OWNER", "FENCE", "LEASE"}};
  Json leases = Json::array();
  const auto listing = context.client().ListSessions({prefix, true}, [&](const client::SessionSummary& session) {
    if (context.output().json()) {
      leases.push_back({{"session_id", session.session_id}});
      leases.back().update(LeaseJson(session.lease));
    } else {
      rows.push_back(
          {session.session_id, session.lease.owner, absl::StrCat(session.lease.fence), LifeOf(session.lease)});
    }
    return absl::OkStatus();
  });
  if (!listing.ok()) return listing.status();
  if (context.output().json()) return context.output().WriteLine(ToText({{"leases", leases}}));
  return context.output().Write(Table(rows));
}

absl::Status ShowLease(CommandContext& context, const LeaseOptions& options) {
  return Show(context, options.session_id, context.client().GetLease(options.session_id));
}

absl::Status AcquireLease(CommandContext& context, const LeaseOptions& options) {
  return Show(context, options.session_id,
              context.client().AcquireLease(options.session_id, options.owner, options.ttl, options.steal));
}

absl::Status RenewLease(CommandContext& context, const LeaseOptions& options) {
  return Show(context, options.session_id, context.client().RenewLease(options.session_id, options.fence, options.ttl));
}

absl::Status ReleaseLease(CommandContext& context, const LeaseOptions& options) {
  absl::Status released = context.client().ReleaseLease(options.session_id, options.fence);
  if (!released.ok()) return released;
  return ShowLease(context, options);
}

using LeaseAction = absl::Status (*)(CommandContext&, const LeaseOptions&);

CLI::App* AddLeaseCommand(CLI::App* lease, const std::string& name, const std::string& description,
                          const std::shared_ptr<LeaseOptions>& options, LeaseAction command, Action* action) {
  CLI::App* const app = lease->add_subcommand(name, description);
  app->add_option("SESSION", options->session_id, kSessionHelp)->required();
  app->callback([=] { *action = [=](CommandContext& context) { return command(context, *options); }; });
  return app;
}

void AddTtl(CLI::App* command, const std::shared_ptr<LeaseOptions>& options) {
  command
      ->add_option_function<std::string>(
          "--ttl", [options](const std::string& text) { (void)ParseTtl(text, &options->ttl); },
          "For how long from now: 1s to 1h")
      ->check([](const std::string& text) {
        absl::Duration ignored;
        return ParseTtl(text, &ignored);
      })
      ->default_str(absl::FormatDuration(kDefaultTtl));
}

}  // namespace

void AddLeaseCommands(CLI::App& parent, Action* action) {
  CLI::App* const lease = parent.add_subcommand("lease", "Look at and change who may write a session");
  const auto options = std::make_shared<LeaseOptions>();
  const auto prefix = std::make_shared<std::string>();
  CLI::App* const list = lease->add_subcommand("list", "List the live leases, also of sessions not written yet");
  list->add_option("--prefix", *prefix, "Only sessions whose id starts with this");
  list->callback([=] { *action = [=](CommandContext& context) { return ListLeases(context, *prefix); }; });

  AddLeaseCommand(lease, "show", "Show who has the session's lease", options, ShowLease, action);

  CLI::App* const acquire =
      AddLeaseCommand(lease, "acquire", "Become the one that may write the session", options, AcquireLease, action);
  acquire->add_option("--owner", options->owner, "Your name; other processes and tools see it")->required();
  AddTtl(acquire, options);
  acquire->add_flag("--steal", options->steal, "Also from an owner that is alive; its next operation then fails");

  CLI::App* const renew = AddLeaseCommand(lease, "renew", "Extend a lease", options, RenewLease, action);
  AddFence(*renew, &options->fence, "The fence of the lease")->required();
  AddTtl(renew, options);

  CLI::App* const release =
      AddLeaseCommand(lease, "release", "End a lease: the session is free at once", options, ReleaseLease, action);
  AddFence(*release, &options->fence, "The fence of the lease")->required();
}

}  // namespace authstate::cli

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/lease_text.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct LeaseOptions {
  std::string session_id;
  std::string prefix;
  std::string owner;
  std::uint64_t fence = 0;
  absl::Duration ttl = absl::Seconds(30);
  bool steal = false;
};

absl::Status Show(CommandContext& context, const std::string& session_id, const absl::StatusOr<client::Lease>& lease) {
  if (!lease.ok()) return lease.status();
  if (context.output().json()) {
    Json shown{{"session_id", session_id}};
    shown.update(LeaseJson(*lease));
    return context.output().WriteJson(shown);
  }
  return context.output().Write(Table({{"session", session_id},
                                       {"owner", lease->owner.empty() ? "nobody" : lease->owner},
                                       {"fence", absl::StrCat(lease->fence)},
                                       {"lease", LifeOf(*lease)}}));
}

absl::Status ListLeases(CommandContext& context, const LeaseOptions& options) {
  std::vector<std::vector<std::string>> rows{{"SESSION", "OWNER", "FENCE", "LEASE"}};
  Json leases = Json::array();
  const auto listing =
      context.client().ListSessions({options.prefix, true}, [&](const client::SessionSummary& session) {
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
  if (context.output().json()) return context.output().WriteJson({{"leases", leases}});
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

}  // namespace

Command LeaseCommands(Action* action) {
  const auto options = std::make_shared<LeaseOptions>();
  const Option session = SessionArgument(&options->session_id);
  const Option fence = Required(Fence(&options->fence, "The fence of the lease"));
  const Option ttl =
      profiles::Duration("--ttl", &options->ttl, absl::Seconds(1), absl::Hours(1), "For how long from now");
  return Group(
      "lease", "Look at and change who may write a session",
      {Leaf("list", "List the live leases, also of sessions not written yet", options, {Prefix(&options->prefix)},
            ListLeases, action),
       Leaf("show", "Show who has the session's lease", options, {session}, ShowLease, action),
       Leaf("acquire", "Become the one that may write the session", options,
            {session, Required(Text("--owner", &options->owner, "Your name; other processes and tools see it")), ttl,
             Flag("--steal", &options->steal, "Also from an owner that is alive; its next operation then fails")},
            AcquireLease, action),
       Leaf("renew", "Extend a lease", options, {session, fence, ttl}, RenewLease, action),
       Leaf("release", "End a lease: the session is free at once", options, {session, fence}, ReleaseLease, action)});
}

}  // namespace authstate::cli

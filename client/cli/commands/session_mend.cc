#include "client/cli/check/session_mend.h"

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/import_plan.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct MendOptions {
  std::string session_id;
  bool dry_run = false;
  WriteOptions write;
};

struct Found {
  std::uint64_t revision = 0;
  Mended mended;
};

absl::StatusOr<Found> Find(client::Client& client, const MendOptions& options, std::uint64_t fence) {
  Found found;
  SessionMend mend;
  const absl::Status loaded = client.LoadSession(
      options.session_id, 0,
      [&](const client::SessionPage& page) {
        found.revision = page.revision;
        if (page.creds.has_value()) mend.AddCreds(*page.creds);
        for (const client::KeyEntry& key : page.keys) mend.AddKey(key);
        return absl::OkStatus();
      },
      fence);
  if (absl::IsDataLoss(loaded)) {
    return WithMessage(loaded, absl::StrCat(loaded.message(),
                                            "; what is damaged cannot be mended: restore the backup of this session, "
                                            "or delete it and pair again"));
  }
  if (!loaded.ok()) return loaded;
  found.mended = std::move(mend).Finish();
  return found;
}

// One commit where it fits. Of several each is a step of its own, and what is left is found again.
absl::StatusOr<std::uint64_t> Write(client::Client& client, const MendOptions& options, std::uint64_t fence,
                                    const Found& found) {
  std::uint64_t revision = found.revision;
  for (client::CommitRequest& commit : CommitsOf(options.session_id, found.mended.keys, found.mended.creds)) {
    commit.expected_revision = revision;
    commit.fence = fence;
    const absl::StatusOr<std::uint64_t> written = client.Commit(std::move(commit));
    if (!written.ok()) return written.status();
    revision = *written;
  }
  return revision;
}

absl::Status Report(Output& output, const MendOptions& options, const Mended& mended, std::uint64_t revision) {
  if (output.json()) {
    Json steps = Json::array();
    for (const MendStep& step : mended.steps) steps.push_back({{"reason", step.reason}, {"message", step.message}});
    Json findings = Json::array();
    for (const Finding& finding : mended.after.findings) {
      findings.push_back({{"reason", finding.reason}, {"message", finding.message}, {"wrong", finding.wrong}});
    }
    return output.WriteJson({{"session_id", options.session_id},
                             {"dry_run", options.dry_run},
                             {"revision", revision},
                             {"steps", steps},
                             {"state", NameOf(mended.after.state)},
                             {"findings", findings}});
  }
  std::vector<std::string> lines;
  for (const MendStep& step : mended.steps) {
    lines.push_back(absl::StrCat(options.dry_run ? "would mend: " : "mended: ", step.message));
  }
  for (const Finding& finding : mended.after.findings) {
    if (finding.wrong) lines.push_back(absl::StrCat("cannot be mended here: ", finding.message));
  }
  if (lines.empty()) lines.push_back(absl::StrCat("session ", options.session_id, " has nothing to mend"));
  return output.WriteLines(lines);
}

absl::Status MendUnder(CommandContext& context, const MendOptions& options, std::uint64_t fence) {
  const absl::StatusOr<Found> found = Find(context.client(), options, fence);
  if (!found.ok()) return found.status();
  std::uint64_t revision = found->revision;
  if (!options.dry_run && !found->mended.steps.empty()) {
    const absl::StatusOr<std::uint64_t> written = Write(context.client(), options, fence, *found);
    if (!written.ok()) return written.status();
    revision = *written;
  }
  absl::Status said = Report(context.output(), options, found->mended, revision);
  if (!said.ok() || !found->mended.after.wrong()) return said;
  return absl::DataLossError(absl::StrCat("session ", options.session_id,
                                          " stays wrong: restore a backup of it, or delete it and pair again"));
}

absl::Status MendSession(CommandContext& context, const MendOptions& options) {
  // Looking disturbs no owner.
  if (options.dry_run) return MendUnder(context, options, options.write.fence);
  return WriteUnder(context, options.session_id, options.write,
                    [&](std::uint64_t fence) { return MendUnder(context, options, fence); });
}

}  // namespace

Command SessionMendCommand(Action* action) {
  const auto options = std::make_shared<MendOptions>();
  Command command =
      Leaf("mend", "Mend what can be mended of a session without WhatsApp, and say what cannot", options,
           Writing(&options->write, {SessionArgument(&options->session_id),
                                     Flag("-n,--dry-run", &options->dry_run, "Say what would be done, write nothing")}),
           MendSession, action);
  command.footer =
      "Stop the session's bot first. Each step is said with its reason; the exit code is 6 where something stays "
      "wrong, "
      "which\nonly a backup or pairing again mends. A session that somebody owns is refused, unless --take-lease "
      "--steal.";
  return command;
}

}  // namespace authstate::cli

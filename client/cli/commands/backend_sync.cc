#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

using Mode = client::SyncOptions::Mode;

struct BackendSyncOptions {
  client::SyncOptions sync;
  bool dry_run = false;
  bool verify = false;
  bool yes = false;
};

std::string PhaseText(Mode mode, const client::SwitchProgress& progress) {
  if (progress.phase == client::SwitchProgress::Phase::kOpening) return "opening";
  return absl::StrCat(mode == Mode::kSync ? "copying" : "comparing", ", round ", progress.round);
}

std::string NameOf(Mode mode) {
  switch (mode) {
    case Mode::kSync:
      return "sync";
    case Mode::kDryRun:
      return "dry_run";
    case Mode::kVerify:
      return "verify";
  }
  return "";
}

Json ToJson(const client::SyncOptions& options, const client::SyncResult& result, const absl::Status& status) {
  Json differences = Json::array();
  for (const client::SessionDifference& difference : result.differences) {
    differences.push_back({{"session_id", difference.session_id}, {"what", difference.what}});
  }
  return {{"target", options.target},
          {"from", result.from},
          {"mode", NameOf(options.mode)},
          {"equal", status.ok() && result.differing_sessions == 0},
          {"follows", status.ok() && options.follow},
          {"sessions_equal", result.sessions_equal},
          {"sessions_copied", result.sessions_copied},
          {"bytes_read", result.bytes_read},
          {"differing_sessions", result.differing_sessions},
          {"refused_sessions", result.refused_sessions},
          {"differences", differences}};
}

std::string TextOf(const client::SyncOptions& options, const client::SyncResult& result, bool done) {
  std::string text =
      absl::StrCat(Count(result.sessions_equal, "session"), " of ", result.from, " and ", options.target, " alike\n");
  if (options.mode == Mode::kSync) {
    absl::StrAppend(&text, Count(result.sessions_copied, "time"), " a session was copied\n");
  }
  if (done && options.follow) absl::StrAppend(&text, options.target, " is kept equal from now on\n");
  if (result.refused_sessions > 0) {
    absl::StrAppend(&text, Count(result.refused_sessions, "session"),
                    " not overwritten, or not to be kept there; --overwrite gives up what is newer there\n");
  }
  const std::uint64_t others = result.differing_sessions - result.refused_sessions;
  if (others > 0) {
    absl::StrAppend(&text, Count(others, "session"),
                    options.mode == Mode::kSync     ? " being written, to be copied by the next sync\n"
                    : options.mode == Mode::kDryRun ? " would be copied\n"
                                                    : " not alike\n");
  }
  for (const client::SessionDifference& difference : result.differences) {
    absl::StrAppend(&text, "  ", Printable(difference.session_id), " ", Printable(difference.what), "\n");
  }
  return text;
}

absl::Status SyncBackend(CommandContext& context, const BackendSyncOptions& given) {
  client::SyncOptions options = given.sync;
  if (given.dry_run) options.mode = Mode::kDryRun;
  if (given.verify) options.mode = Mode::kVerify;
  if (options.overwrite && options.mode == Mode::kSync && !given.yes) {
    absl::Status confirmed = Confirm(
        "overwriting",
        [&] { return absl::StrCat("Give up what is newer in ", options.target, " than in what serves?"); },
        "nothing was copied");
    if (!confirmed.ok()) return confirmed;
  }
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  client::SyncResult result;
  absl::Status status;
  {
    Progress progress(context.output().json());
    status = client.SyncBackend(
        options,
        [&](const client::SwitchProgress& step) {
          progress.Show(PhaseText(options.mode, step), step.compared, step.total);
        },
        &result);
  }
  // Empty when the server gave no answer.
  if (result.from.empty()) return status;
  const absl::Status written = context.output().json() ? context.output().WriteJson(ToJson(options, result, status))
                                                       : context.output().Write(TextOf(options, result, status.ok()));
  if (status.ok()) return written;
  if (options.mode == Mode::kVerify && absl::IsFailedPrecondition(status) && result.differing_sessions > 0) {
    return absl::DataLossError(status.message());
  }
  return status;
}

}  // namespace

Command BackendSync(Action* action) {
  const auto options = std::make_shared<BackendSyncOptions>();
  Option dry_run = Flag("--dry-run", &options->dry_run, "Tell what would be copied, and write nothing");
  Option verify = Flag("--verify", &options->verify, "Compare alone, and end with 6 if sessions differ");
  verify.excludes = "--dry-run";
  Option overwrite =
      Flag("--overwrite", &options->sync.overwrite, "Also sessions that are newer there, whose history there is lost");
  Option follow = Flag("--follow", &options->sync.follow, "Keep it equal from then on");
  return Leaf("sync", "Make the sessions of another database those of the one that serves", options,
              {Required(Text("NAME", &options->sync.target, "The database, as status names it")), std::move(dry_run),
               std::move(verify), std::move(overwrite), std::move(follow),
               profiles::Number("--rate", &options->sync.max_bytes_per_second, 1, profiles::kMaxMemoryBytes,
                                "Bytes to read a second at most of the database that serves"),
               Yes(&options->yes, "Do not ask before overwriting")},
              SyncBackend, action);
}

}  // namespace authstate::cli

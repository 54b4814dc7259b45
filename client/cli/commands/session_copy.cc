#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "client/cli/check/session_check.h"
#include "client/cli/commands/commands.h"
#include "client/cli/find_session.h"
#include "client/cli/importer.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct CopyOptions {
  std::string from;
  std::string to;
  bool replace = false;
  WriteOptions write;
};

struct Snapshot {
  std::uint64_t revision = 0;
  Folder state;
};

absl::StatusOr<Snapshot> Load(client::Client& client, const std::string& session_id, std::uint64_t fence,
                              Progress& progress) {
  Snapshot snapshot;
  absl::Status loaded = client.LoadSession(
      session_id, 0,
      [&](client::SessionPage page) {
        snapshot.revision = page.revision;
        if (page.creds.has_value()) snapshot.state.creds = *std::move(page.creds);
        for (client::KeyEntry& key : page.keys) snapshot.state.keys.push_back(std::move(key));
        progress.Show("keys read:", snapshot.state.keys.size(), 0);
        return absl::OkStatus();
      },
      fence);
  if (!loaded.ok()) return loaded;
  absl::c_sort(snapshot.state.keys, [](const auto& a, const auto& b) { return a.name < b.name; });
  return snapshot;
}

bool IsPaired(const Snapshot& snapshot) {
  if (!snapshot.state.creds.has_value()) return false;
  SessionCheck check;
  check.AddCreds(*snapshot.state.creds);
  return std::move(check).Finish().state == SessionState::kPaired;
}

struct Copied {
  Snapshot snapshot;
  ImportResult result;
};

absl::StatusOr<Copied> Copy(CommandContext& context, const CopyOptions& options, std::uint64_t from_fence,
                            std::uint64_t to_fence) {
  Progress progress(context.output().json());
  absl::StatusOr<Snapshot> snapshot = Load(context.client(), options.from, from_fence, progress);
  if (!snapshot.ok()) return snapshot.status();
  const std::string origin = absl::StrCat("session ", options.from);
  const client::KeyName mark = UnfinishedMark(origin).name;
  if (absl::c_any_of(snapshot->state.keys, [&](const client::KeyEntry& key) { return key.name == mark; })) {
    return absl::FailedPreconditionError(
        absl::StrCat("session ", options.from, " is an import that ended early: run that again first"));
  }
  const ImportTarget target{options.to, origin, options.replace, to_fence};
  absl::StatusOr<ImportResult> result = Import(context.client(), target, snapshot->state, progress);
  if (!result.ok()) return result.status();
  return Copied{*std::move(snapshot), *result};
}

// `renamed`: whether FROM is gone now.
absl::Status Report(Output& output, const CopyOptions& options, bool renamed, const Copied& copied) {
  const ImportResult& result = copied.result;
  if (output.json()) {
    return output.WriteJson({{"from", options.from},
                             {"from_revision", copied.snapshot.revision},
                             {"from_deleted", renamed},
                             {"session_id", options.to},
                             {"revision", result.revision},
                             {"creds", result.has_creds},
                             {"keys", result.keys},
                             {"commits", result.commits},
                             {"resumed", result.resumed || (renamed && result.unchanged)},
                             {"unchanged", result.unchanged}});
  }
  const std::string deleted = renamed ? absl::StrCat("; session ", options.from, " is deleted") : "";
  if (result.unchanged) {
    return output.WriteLine(absl::StrCat("session ", options.to, " holds what session ", options.from, " holds already",
                                         renamed ? deleted : "; nothing was written"));
  }
  return output.WriteLine(absl::StrCat(result.resumed ? "finished what had ended early: " : "", "copied ",
                                       result.has_creds ? "creds and " : "", Count(result.keys, "key"), " of session ",
                                       options.from, " at revision ", copied.snapshot.revision, " to session ",
                                       options.to, " at revision ", result.revision, " in ",
                                       Count(result.commits, "commit"), "; read back and equal", deleted));
}

absl::Status CheckNames(client::Client& client, const CopyOptions& options) {
  if (options.from == options.to) return absl::InvalidArgumentError("FROM and TO are the same session");
  const auto from = FindSession(client, options.from);
  if (!from.ok()) return from.status();
  if (from->has_value()) return absl::OkStatus();
  const auto to = FindSession(client, options.to);
  return absl::NotFoundError(
      absl::StrCat("session ", options.from, " does not exist",
                   to.ok() && to->has_value() ? absl::StrCat("; session ", options.to, " does") : ""));
}

// Under the lease of TO alone: FROM is read from one snapshot, whoever owns it.
absl::Status CopySession(CommandContext& context, const CopyOptions& options) {
  SignalWatcher signals;
  absl::Status status = CheckNames(context.client(signals), options);
  if (!status.ok()) return status;
  return WriteUnderWatch(context, options.to, options.write, [&](std::uint64_t fence) {
    const absl::StatusOr<Copied> copied = Copy(context, options, 0, fence);
    if (!copied.ok()) return copied.status();
    if (IsPaired(copied->snapshot)) {
      context.output().Warn(absl::StrCat("sessions ", options.from, " and ", options.to,
                                         " are one paired device now: open only one of them, as WhatsApp throws one "
                                         "out for the other, and keys that only one has used fail in both"));
    }
    return Report(context.output(), options, /*renamed=*/false, *copied);
  });
}

absl::Status RenameUnder(CommandContext& context, const CopyOptions& options, std::uint64_t from_fence,
                         std::uint64_t to_fence) {
  const absl::StatusOr<Copied> copied = Copy(context, options, from_fence, to_fence);
  if (!copied.ok()) return copied.status();
  const absl::Status deleted =
      context.client().DeleteSession(options.from, copied->snapshot.revision, from_fence).status();
  if (!deleted.ok()) {
    return WithMessage(deleted,
                       absl::StrCat(deleted.message(), "; session ", options.to, " holds all of session ", options.from,
                                    ", which may be there still: run the same again before either is opened"));
  }
  return Report(context.output(), options, /*renamed=*/true, *copied);
}

// Under both leases, so that nobody opens either while there are two.
absl::Status RenameSession(CommandContext& context, const CopyOptions& options) {
  SignalWatcher signals;
  absl::Status status = CheckNames(context.client(signals), options);
  if (!status.ok()) return status;
  return WriteUnderWatch(context, options.from, options.write, [&](std::uint64_t from_fence) {
    return WriteUnderWatch(context, options.to, options.write,
                           [&](std::uint64_t to_fence) { return RenameUnder(context, options, from_fence, to_fence); });
  });
}

Command CopyCommand(std::string name, std::string help, absl::Status (*run)(CommandContext&, const CopyOptions&),
                    Action* action) {
  const auto options = std::make_shared<CopyOptions>();
  return Leaf(std::move(name), std::move(help), options,
              {Required(Text("FROM", &options->from, "The session that is there")),
               Required(Text("TO", &options->to, "The session that it becomes")),
               Flag("--replace", &options->replace, "Replace TO if it exists; what only TO has is deleted"),
               TakingLease(&options->write)},
              run, action);
}

}  // namespace

Command SessionCopy(Action* action) {
  Command command = CopyCommand(
      "copy", "Copy a session under another id, from one snapshot, then compare what was stored", CopySession, action);
  command.footer =
      "The lease of TO is taken for the time of the command; the owner of FROM goes on. A copy within the limits of "
      "one\n"
      "commit (10,000 values, 32 MiB) appears whole. A larger one has its creds last, so that one that ends early is "
      "opened by\nno client; run again, it is finished. Of a paired session only one of the two may be used.";
  return command;
}

Command SessionRename(Action* action) {
  Command command = CopyCommand("rename", "Copy a session under another id, compare, then delete it under the old one",
                                RenameSession, action);
  command.footer =
      "The leases of both are taken for the time of the command. One that ends early is finished by running it again: "
      "where TO\nholds all that FROM holds, FROM is deleted. Before that, open neither.";
  return command;
}

}  // namespace authstate::cli

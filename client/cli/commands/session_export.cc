#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/commands/session_redact.h"
#include "client/cli/every_session.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/folder/folder_writer.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string session_id;
  std::string folder;
  // Where every session gets a folder, if it is given; there is no session_id and no folder then.
  std::string all;
  std::string prefix;
  bool redact = false;
  bool force = false;
  bool keys_only = false;
};

struct Exported {
  std::uint64_t revision = 0;
  std::uint64_t keys = 0;
  bool creds = false;
  bool creds_double_encoded = false;
  // Keys whose value is null, which Baileys takes for absent: they are in no file.
  std::uint64_t null_keys = 0;
};

// Puts one page of the session into the folder. A page of small keys makes so many files that signals are looked for
// between them.
absl::Status WritePage(const client::SessionPage& page, const ExportOptions& options, const std::string& session_id,
                       const SignalWatcher& signals, FolderWriter& writer, Exported* exported) {
  exported->revision = page.revision;
  if (page.creds.has_value() && !options.keys_only) {
    exported->creds_double_encoded = UnwrapCreds(*page.creds).has_value();
    if (!IsCredsObject(*page.creds) && !exported->creds_double_encoded) {
      return absl::FailedPreconditionError(
          absl::StrCat("the creds of session ", session_id,
                       " are no JSON object, and Baileys would make new ones in such a folder; --keys-only exports the "
                       "keys"));
    }
    absl::Status status = writer.AddCreds(*page.creds);
    if (!status.ok()) return status;
    exported->creds = true;
  }
  for (const client::KeyEntry& entry : page.keys) {
    if (entry.value == Value{ValueKind::kJson, "null"}) {
      ++exported->null_keys;
      continue;
    }
    absl::Status status = signals.Check();
    if (status.ok()) status = writer.AddKey(entry);
    if (!status.ok()) return status;
    ++exported->keys;
  }
  return absl::OkStatus();
}

absl::StatusOr<Exported> ExportOne(client::Client& client, const ExportOptions& options, const std::string& session_id,
                                   const std::string& folder, const SignalWatcher& signals, Progress& progress) {
  absl::StatusOr<FolderWriter> writer = FolderWriter::Create(folder, options.force);
  if (!writer.ok()) return writer.status();
  Exported exported;
  absl::Status status = client.LoadSession(session_id, 0, [&](const client::SessionPage& page) {
    absl::Status written = WritePage(page, options, session_id, signals, *writer, &exported);
    progress.Show("keys exported:", exported.keys, 0);
    return written.ok() ? signals.Check() : written;
  });
  if (!status.ok()) return status;
  if (!exported.creds && !options.keys_only) {
    return absl::FailedPreconditionError(
        absl::StrCat("session ", session_id,
                     " has no creds, and Baileys would make new ones in such a folder; --keys-only exports the keys"));
  }
  status = signals.Check();
  if (status.ok()) status = writer->Publish();
  if (!status.ok()) return status;
  return exported;
}

void WarnOf(const Output& output, const std::string& session_id, const Exported& exported) {
  if (exported.creds_double_encoded) {
    output.Warn(absl::StrCat("the creds of session ", session_id,
                             " are JSON text in a JSON string, with which Baileys cannot work; creds.json has them so, "
                             "and session import unwraps them"));
  }
  if (exported.null_keys > 0) {
    output.Warn(absl::StrCat(Count(exported.null_keys, "key"), " of session ", session_id,
                             " left out, for the value is null, which Baileys takes for absent"));
  }
}

Json Facts(const std::string& folder, const Exported& exported) {
  return {{"folder", folder},
          {"revision", exported.revision},
          {"creds", exported.creds},
          {"keys", exported.keys},
          {"null_keys", exported.null_keys}};
}

std::string Line(const std::string& session_id, const std::string& folder, const Exported& exported) {
  return absl::StrCat("exported ", exported.creds ? "creds and " : "", Count(exported.keys, "key"), " of session ",
                      session_id, " at revision ", exported.revision, " to ", folder);
}

// A folder is published whole, so one that is there was exported before. `.` and `..` are legal ids.
absl::StatusOr<SessionDone> ExportIntoAll(CommandContext& context, const ExportOptions& options,
                                          const std::string& session_id, const SignalWatcher& signals) {
  if (session_id.front() == '.') {
    return absl::FailedPreconditionError("the id begins with a dot, as no folder of a session should: export it alone");
  }
  const std::string folder = absl::StrCat(options.all, "/", session_id);
  std::error_code error;
  if (!options.force && fs::is_directory(folder, error) && !fs::is_empty(folder, error)) {
    return SessionDone{true, "", {{"folder", folder}, {"already", true}}};
  }
  Progress quiet(/*quiet=*/true);
  const auto exported = ExportOne(context.client(), options, session_id, folder, signals, quiet);
  if (!exported.ok()) return exported.status();
  WarnOf(context.output(), session_id, *exported);
  return SessionDone{false, Line(session_id, folder, *exported), Facts(folder, *exported)};
}

absl::Status ExportAll(CommandContext& context, const ExportOptions& options) {
  std::error_code error;
  const bool made = fs::create_directories(options.all, error);
  if (made) fs::permissions(options.all, fs::perms::owner_all, error);
  if (error) return absl::FailedPreconditionError(absl::StrCat(options.all, " cannot be made: ", error.message()));
  SignalWatcher signals;
  context.client(signals);
  return ForEverySession(context, signals, options.prefix, "exported", [&](const client::SessionSummary& session) {
    return ExportIntoAll(context, options, session.session_id, signals);
  });
}

absl::Status ExportSession(CommandContext& context, const ExportOptions& options) {
  const bool one = !options.session_id.empty() && (options.redact != !options.folder.empty());
  if (one == !options.all.empty()) {
    return absl::InvalidArgumentError("name a SESSION and a DIR, a SESSION with --redact, or --all DIR alone");
  }
  if (!options.all.empty()) return ExportAll(context, options);
  if (options.redact) return WriteRedacted(context, options.session_id);
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  Progress progress(context.output().json());
  const auto exported = ExportOne(client, options, options.session_id, options.folder, signals, progress);
  if (!exported.ok()) return exported.status();
  WarnOf(context.output(), options.session_id, *exported);
  if (!context.output().json()) {
    return context.output().WriteLine(Line(options.session_id, options.folder, *exported));
  }
  Json json{{"session_id", options.session_id}};
  json.update(Facts(options.folder, *exported));
  return context.output().WriteJson(json);
}

}  // namespace

Command SessionExport(Action* action) {
  const auto options = std::make_shared<ExportOptions>();
  Option session = Text("SESSION", &options->session_id, "The session's id");
  session.excludes = "--all";
  Option prefix = Prefix(&options->prefix);
  prefix.needs = "--all";
  Option redact = Flag("--redact", &options->redact,
                       "In place of DIR: print the structure and sizes of a session without what it holds, as one JSON "
                       "document for a bug report");
  redact.excludes = "--all";
  Command command = Leaf(
      "export", "Write a session to a folder that Baileys' useMultiFileAuthState opens, from one snapshot", options,
      {session, Text("DIR", &options->folder, "The folder: absent or empty. It appears whole, or not at all"),
       Text("-a,--all", &options->all, "In place of both: every session, each into a folder in this one by its id"),
       std::move(prefix), std::move(redact), Flag("--force", &options->force, "Replace a folder that holds a session"),
       Flag("--keys-only", &options->keys_only, "Leave the creds out")},
      ExportSession, action);
  command.footer =
      "--all leaves folders alone that are there already, which are whole, unless --force; so it can be run again "
      "after "
      "it\nended early. A session that cannot be exported is named, and makes the exit code 4, or 6 where it is "
      "damaged.";
  return command;
}

}  // namespace authstate::cli

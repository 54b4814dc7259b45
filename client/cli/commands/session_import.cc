#include "client/cli/commands/session_import.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands/commands.h"
#include "client/cli/stores/formats.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// A folder younger than this may be in use.
constexpr absl::Duration kYoung = absl::Minutes(1);

void WarnOfUse(const Output& output, const Folder& folder, const std::string& where) {
  const absl::Duration age = absl::Now() - folder.written;
  if (age > kYoung) return;
  output.Warn(
      absl::StrCat(where, " was written ", absl::FormatDuration(absl::Trunc(age, absl::Seconds(1))),
                   " ago: if a program still uses it, stop that and import again, as what it writes from now on "
                   "is missing"));
}

absl::Status CheckCredsAreThere(const ImportOptions& options, const Folder& folder, const std::string& where) {
  if (options.keys_only || folder.creds.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(where, " has no creds; --keys-only imports the keys alone", CredsBackupHint(where)));
}

absl::Status ImportSession(CommandContext& context, const ImportOptions& options) {
  const bool named = !options.session_id.empty() && !options.path.empty();
  if (named == !options.all.empty()) {
    return absl::InvalidArgumentError("name a SESSION and a PATH, or say --all DIR");
  }
  if (!options.all.empty()) return ImportAll(context, options);
  SignalWatcher signals;
  (void)context.client(signals);
  Progress progress(context.output().json());
  const absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(options.path, StoreOptionsOf(options));
  if (!store.ok()) return store.status();
  const absl::StatusOr<std::string> source = ChooseSession(**store, options.source_session, options.session_id);
  if (!source.ok()) return source.status();
  const absl::StatusOr<ImportOutcome> outcome = ImportOne(
      context, options, **store, *source, options.session_id,
      [&](std::size_t done, std::size_t total) {
        progress.Show("reading", done, total);
        return signals.Check();
      },
      progress);
  if (!outcome.ok()) return outcome.status();
  Output& output = context.output();
  Json json = OutcomeJson(options, options.session_id, *outcome);
  json["folder"] = options.path;
  json["from"] = (*store)->format();
  if (output.json()) return output.WriteJson(json);
  std::string text = OutcomeText(options, options.session_id, *outcome);
  if ((*store)->format() != "folder") absl::StrAppend(&text, "\nread as ", (*store)->about());
  return output.WriteLine(text);
}

}  // namespace

StoreOptions StoreOptionsOf(const ImportOptions& options) {
  StoreOptions store = options.store;
  store.creds_session = options.source_session;
  store.session_id = options.session_id;
  store.many = !options.all.empty();
  store.rules.with_creds = !options.keys_only;
  return store;
}

absl::StatusOr<ImportOutcome> ImportOne(CommandContext& context, const ImportOptions& options, Store& store,
                                        const std::string& source, const std::string& session_id,
                                        OnProgress on_progress, Progress& progress) {
  const std::string where = store.place(source);
  absl::StatusOr<Folder> folder = store.Read(source, on_progress);
  if (!folder.ok()) return folder.status();
  const absl::Status creds = CheckCredsAreThere(options, *folder, where);
  if (!creds.ok()) return creds;
  WarnOfUse(context.output(), *folder, where);
  ImportOutcome outcome;
  outcome.folder = *std::move(folder);
  ImportTarget target{session_id, absl::StrCat(store.format(), " ", where), options.replace};
  if (options.dry_run) {
    const absl::StatusOr<ImportResult> result = PreviewImport(context.client(), target, outcome.folder, progress);
    if (!result.ok()) return result.status();
    outcome.result = *result;
    return outcome;
  }
  const absl::Status written = WriteUnderWatch(context, session_id, options.write, [&](std::uint64_t fence) {
    target.fence = fence;
    const absl::StatusOr<ImportResult> result = Import(context.client(), target, outcome.folder, progress);
    if (result.ok()) outcome.result = *result;
    return result.status();
  });
  if (!written.ok()) return written;
  if (!outcome.result.has_creds) {
    context.output().Warn(absl::StrCat(
        "session ", session_id,
        " has keys and no creds: no client opens it so, as a new identity does not go with old keys; give it creds "
        "with `authstatectl creds set`, or delete it"));
  }
  return outcome;
}

Command SessionImport(Action* action) {
  const auto options = std::make_shared<ImportOptions>();
  FileNameRules& names = options->store.rules.names;
  Option session = Text("SESSION", &options->session_id, "The session's id");
  session.excludes = "--all";
  Option source = Text("--source-session", &options->source_session, "How a dump of several sessions calls this one");
  source.excludes = "--all";
  Option creds = Text("--creds", &options->store.creds_path, "Where the creds are, when they are not with the keys");
  creds.excludes = "--keys-only";
  Command command = Leaf(
      "import", "Read the state that another store has of a session, then compare what was stored", options,
      Writing(
          &options->write,
          {session, Text("PATH", &options->path, "A folder of useMultiFileAuthState, a dump, or - for standard input"),
           Text("-a,--all", &options->all, "In place of both: a folder of folders, or a dump; every session of it"),
           profiles::Choice("--from", &options->store.from, FormatNames(), "What PATH is; else it is found out"),
           source, creds,
           Flag("--replace", &options->replace,
                "Replace a session that exists; keys that are not imported are deleted"),
           Flag("--keys-only", &options->keys_only, "Leave the creds out; those of the session stay"),
           Flag("--skip-torn", &options->store.rules.skip_torn, "Leave out keys that cannot be read, and name them"),
           Flag("-n,--dry-run", &options->dry_run, "Read and check all of it, say what would be done, write nothing"),
           profiles::List("--key-type", &names.more_types, "A key type to know beside those of Baileys; repeatable"),
           Flag("--literal-ids", &names.literal_ids,
                "Where a file name does not tell whether - was : and __ was /, take it as it stands")}),
      ImportSession, action);
  command.footer =
      "Stop the program that uses the store first. A torn, empty or unknown file is named, and nothing is changed.\n"
      "A session within the limits of one commit (10,000 values, 32 MiB) is imported in one. A larger one is not: its\n"
      "keys come first and the creds last, so that an import that ends early leaves keys without creds, which no\n"
      "client opens; run again, it is finished. Bytes that another store has written as {\"0\":216,…} or [216,…] are\n"
      "mended, and creds with which Baileys cannot work are refused. --all leaves sessions alone that hold what is\n"
      "imported, and so can be run again. Stores, and how to dump them: docs/from-other-stores.md";
  return command;
}

}  // namespace authstate::cli

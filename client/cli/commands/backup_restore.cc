#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/backup_search.h"
#include "client/cli/commands/backup.h"
#include "client/cli/every_session.h"
#include "client/cli/folder/folder_writer.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/restorer.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"
#include "contract/names.h"

namespace authstate::cli {
namespace {

struct RestoreOptions {
  std::string path;
  std::string session_id;
  KeyringSource keyring;
  bool all = false;
  std::string prefix;
  // Where every session gets a folder, in place of the server.
  std::string folders;
  RestoreTerms terms;
};

Json Facts(const SavedSession& saved, const char* outcome, std::uint64_t revision) {
  return {{"outcome", outcome}, {"backup_revision", saved.revision}, {"revision", revision}};
}

absl::StatusOr<SessionDone> ToServer(CommandContext& context, const RestoreOptions& options,
                                     const SavedSession& saved) {
  const absl::StatusOr<Restored> restored = RestoreSession(context, saved, options.terms);
  if (!restored.ok()) return restored.status();
  const std::string id = absl::StrCat("session ", saved.session_id);
  switch (restored->outcome) {
    case Restored::Outcome::kLeftAlone:
      if (!options.session_id.empty()) {
        return absl::AlreadyExistsError(
            absl::StrCat("it exists, at revision ", restored->revision,
                         ", and holds something else than the backup, of revision ", saved.revision,
                         ", which would put it back: what its peers have agreed on since would be lost; --overwrite "
                         "replaces it all the same"));
      }
      return SessionDone{true, absl::StrCat(id, " exists, and is left as it is, at revision ", restored->revision),
                         Facts(saved, "left_alone", restored->revision)};
    case Restored::Outcome::kEqual:
      return SessionDone{true, absl::StrCat(id, " holds what the backup has"),
                         Facts(saved, "equal", restored->revision)};
    case Restored::Outcome::kEmpty:
      return SessionDone{true, absl::StrCat(id, " had nothing"), Facts(saved, "empty", restored->revision)};
    case Restored::Outcome::kRestored:
      break;
  }
  if (options.terms.dry_run) {
    return SessionDone{false, absl::StrCat("would restore ", id, ", of revision ", saved.revision),
                       Facts(saved, "would_restore", restored->revision)};
  }
  return SessionDone{false,
                     absl::StrCat("restored ", saved.state.creds.has_value() ? "creds and " : "",
                                  Count(saved.state.keys.size(), "key"), " of ", id, ", of revision ", saved.revision,
                                  ", at revision ", restored->revision, "; read back and equal"),
                     Facts(saved, "restored", restored->revision)};
}

absl::StatusOr<SessionDone> ToFolder(const RestoreOptions& options, const SavedSession& saved) {
  if (const absl::Status id = CheckSessionId(saved.session_id); !id.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("its id is ", id.message()));
  }
  if (saved.session_id.front() == '.') {
    return absl::FailedPreconditionError("the id begins with a dot, as no folder of a session should");
  }
  if (!saved.state.creds.has_value()) {
    return absl::FailedPreconditionError("it has no creds, and Baileys would make new ones in such a folder");
  }
  const std::string folder = absl::StrCat(options.folders, "/", saved.session_id);
  Json facts = Facts(saved, options.terms.dry_run ? "would_restore" : "restored", saved.revision);
  facts["folder"] = folder;
  if (options.terms.dry_run) return SessionDone{false, absl::StrCat("would write ", folder), std::move(facts)};
  absl::StatusOr<FolderWriter> writer = FolderWriter::Create(folder, options.terms.overwrite);
  if (!writer.ok()) {
    return WithMessage(writer.status(), absl::StrReplaceAll(writer.status().message(), {{"--force", "--overwrite"}}));
  }
  absl::Status status = writer->AddCreds(*saved.state.creds);
  for (const client::KeyEntry& key : saved.state.keys) {
    // Baileys takes null for absent.
    if (status.ok() && key.value != Value{ValueKind::kJson, "null"}) status = writer->AddKey(key);
  }
  if (status.ok()) status = writer->Publish();
  if (!status.ok()) return status;
  return SessionDone{false,
                     absl::StrCat("wrote creds and ", Count(saved.state.keys.size(), "key"), " of session ",
                                  saved.session_id, ", of revision ", saved.revision, ", to ", folder),
                     std::move(facts)};
}

absl::Status CheckOptions(const RestoreOptions& options) {
  const int chosen = (options.all ? 1 : 0) + (options.session_id.empty() ? 0 : 1) + (options.prefix.empty() ? 0 : 1);
  if (chosen != 1) return absl::InvalidArgumentError("name a SESSION, --prefix or --all, and one of them alone");
  if (options.terms.steal && !options.terms.overwrite) {
    return absl::InvalidArgumentError("--steal goes with --overwrite: a session that somebody has is not absent");
  }
  return absl::OkStatus();
}

IdRange WantedBy(const RestoreOptions& options) {
  if (!options.session_id.empty()) return IdRange::Of(options.session_id);
  return options.prefix.empty() ? IdRange::All() : IdRange::WithPrefix(options.prefix);
}

absl::StatusOr<SessionDone> RestoreOne(CommandContext& context, RestoreOptions options, FoundSession found) {
  options.terms.origin = absl::StrCat("backup ", absl::BytesToHexString(found.file_id));
  const SavedSession saved{std::move(found.stamp.session_id), found.stamp.revision, found.stamp.fence,
                           found.stamp.at_home, std::move(found.state)};
  absl::StatusOr<SessionDone> done =
      options.folders.empty() ? ToServer(context, options, saved) : ToFolder(options, saved);
  if (done.ok() && found.older) {
    absl::StrAppend(&done->text, "; as ", found.path, " has it");
    done->json["file"] = found.path;
  }
  return done;
}

// What is told of a search that met damage, or sessions of which nothing is known.
absl::Status Judge(const SearchResult& result, const std::string& path, std::uint64_t from_older) {
  if (!result.damaged) return absl::OkStatus();
  std::string message = absl::StrCat(path, " is damaged");
  if (from_older > 0) absl::StrAppend(&message, "; of ", Count(from_older, "session"), " an older backup was taken");
  if (result.incomplete) absl::StrAppend(&message, "; what it had besides may not be in any older backup here");
  return absl::DataLossError(message);
}

absl::Status Restore(CommandContext& context, const RestoreOptions& options) {
  absl::Status status = CheckOptions(options);
  if (!status.ok()) return status;
  const auto keyring = ReadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  const absl::StatusOr<std::vector<std::string>> files = FindBackups(options.path);
  if (!files.ok()) return files.status();
  const std::string& newest = files->front();
  const absl::StatusOr<std::unique_ptr<RecordReader>> first = RecordReader::Open(newest, **keyring);
  if (!first.ok()) return first.status();
  SignalWatcher signals;
  if (options.folders.empty()) {
    status = TellOfAnotherStore(context.output(), context.client(signals), (*first)->header(), newest);
    if (!status.ok()) return status;
  } else {
    signals.Start([] {});
    std::error_code error;
    if (!options.terms.dry_run) std::filesystem::create_directories(options.folders, error);
    if (error)
      return absl::FailedPreconditionError(absl::StrCat(options.folders, " cannot be made: ", error.message()));
  }
  Progress progress(context.output().json());
  SessionTally tally(&context.output(), "restored");
  bool found = false;
  std::uint64_t from_older = 0;
  const auto on_session = [&](FoundSession session) {
    absl::Status stopped = signals.Check();
    if (!stopped.ok()) return stopped;
    found = true;
    from_older += session.older ? 1 : 0;
    const std::string id = session.stamp.session_id;
    const absl::StatusOr<SessionDone> done = RestoreOne(context, options, std::move(session));
    if (!done.ok() && !options.session_id.empty()) {
      return WithMessage(done.status(), absl::StrCat("session ", id, ": ", done.status().message()));
    }
    // A session that is gone under the hands of a restore was not restored.
    absl::Status told = tally.Add(id, absl::IsNotFound(done.status())
                                          ? absl::StatusOr<SessionDone>(absl::AbortedError(done.status().message()))
                                          : done);
    progress.Show("sessions:", tally.sessions(), 0);
    return told;
  };
  const auto on_damage = [&](const absl::Status& damage) { context.output().Warn(damage.message()); };
  const absl::StatusOr<SearchResult> result =
      SearchBackups(*files, **keyring, WantedBy(options), {on_session, on_damage});
  const absl::Status judged = result.ok() ? Judge(*result, newest, from_older) : absl::OkStatus();
  if (result.ok() && judged.ok() && !found) return absl::NotFoundError(absl::StrCat(newest, " has no such session"));
  if (!options.session_id.empty() && tally.sessions() == 0) return result.ok() ? judged : result.status();
  if (options.folders.empty() && !options.terms.dry_run && tally.done() > 0) {
    context.output().Warn(
        "what was restored is as it was when it was saved: messages that came since may not be decrypted, until its "
        "peers have agreed on new keys");
  }
  status = tally.Finish(result.status(), {{"file", newest}, {"dry_run", options.terms.dry_run}});
  return status.ok() ? judged : status;
}

}  // namespace

Command BackupRestore(Action* action) {
  const auto options = std::make_shared<RestoreOptions>();
  Option folders = Text("--as-folders", &options->folders,
                        "In place of the server: write each session to a folder in this one, by its id, that Baileys' "
                        "useMultiFileAuthState opens");
  Command command = Leaf(
      "restore", "Bring sessions of a backup to a server: those that are absent there", options,
      WithBackupKeyring(
          &options->keyring,
          {BackupArgument(&options->path), Text("SESSION", &options->session_id, "The one session to restore"),
           Flag("-a,--all", &options->all, "Every session of the backup"), Prefix(&options->prefix), std::move(folders),
           Flag("--overwrite", &options->terms.overwrite,
                "Replace also sessions that exist, though what happened to them since the backup is lost"),
           Flag("--steal", &options->terms.steal,
                "With --overwrite: take the lease also from an owner that is alive; its next operation then fails"),
           Flag("--dry-run", &options->terms.dry_run, "Tell what would be done, and write nothing")}),
      Restore, action);
  command.footer =
      "A session comes back under its lease, and with a fence and a revision that neither the backup nor the server "
      "has\n"
      "known; it is read back and compared. Sessions that exist are left alone, so it can be run again after it ended "
      "early.";
  return command;
}

}  // namespace authstate::cli

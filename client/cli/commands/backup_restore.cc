#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/backup_reader.h"
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

bool Wants(const RestoreOptions& options, const std::string& session_id) {
  if (!options.session_id.empty()) return session_id == options.session_id;
  return absl::StartsWith(session_id, options.prefix);
}

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

// Goes through the file, from its first session to the last that is wanted.
absl::Status RestoreWanted(CommandContext& context, const RestoreOptions& options, const SignalWatcher& signals,
                           BackupReader& reader, SessionTally* tally, bool* found) {
  Progress progress(context.output().json());
  while (true) {
    absl::StatusOr<std::optional<SessionStamp>> stamp = reader.NextSession();
    if (!stamp.ok()) return stamp.status();
    if (!stamp->has_value()) return absl::OkStatus();
    progress.Show("sessions:", tally->sessions(), 0);
    absl::Status status = signals.Check();
    if (!status.ok()) return status;
    if (!Wants(options, (*stamp)->session_id)) continue;
    *found = true;
    absl::StatusOr<Folder> state = ReadWholeSession(reader);
    if (!state.ok()) return state.status();
    SavedSession saved{std::move((*stamp)->session_id), (*stamp)->revision, (*stamp)->fence, *std::move(state)};
    const absl::StatusOr<SessionDone> done =
        options.folders.empty() ? ToServer(context, options, saved) : ToFolder(options, saved);
    if (!done.ok() && !options.session_id.empty()) {
      return WithMessage(done.status(), absl::StrCat("session ", saved.session_id, ": ", done.status().message()));
    }
    // A session that is gone under the hands of a restore was not restored.
    status = tally->Add(saved.session_id, absl::IsNotFound(done.status())
                                              ? absl::StatusOr<SessionDone>(absl::AbortedError(done.status().message()))
                                              : done);
    if (!status.ok()) return status;
    if (!options.session_id.empty()) return absl::OkStatus();
  }
}

absl::Status Restore(CommandContext& context, const RestoreOptions& given) {
  absl::Status status = CheckOptions(given);
  if (!status.ok()) return status;
  const auto keyring = ReadKeyring(given.keyring);
  if (!keyring.ok()) return keyring.status();
  const absl::StatusOr<std::string> path = FindBackup(given.path);
  if (!path.ok()) return path.status();
  const absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(*path, **keyring);
  if (!reader.ok()) return reader.status();
  RestoreOptions options = given;
  options.terms.origin = absl::StrCat("backup ", absl::BytesToHexString((*reader)->header().file_id));
  SignalWatcher signals;
  if (options.folders.empty()) {
    context.client(signals);
  } else {
    signals.Start([] {});
    std::error_code error;
    if (!options.terms.dry_run) std::filesystem::create_directories(options.folders, error);
    if (error)
      return absl::FailedPreconditionError(absl::StrCat(options.folders, " cannot be made: ", error.message()));
  }
  SessionTally tally(&context.output(), "restored");
  bool found = false;
  status = RestoreWanted(context, options, signals, **reader, &tally, &found);
  if (status.ok() && !found) {
    return absl::NotFoundError(absl::StrCat(*path, " has no such session"));
  }
  if (!status.ok() && !options.session_id.empty()) return status;
  if (options.folders.empty() && !options.terms.dry_run && tally.done() > 0) {
    context.output().Warn(
        "what was restored is as it was when it was saved: messages that came since may not be decrypted, until its "
        "peers have agreed on new keys");
  }
  return tally.Finish(status, {{"file", *path}, {"dry_run", options.terms.dry_run}});
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

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/commands/commands.h"
#include "client/cli/database_choice.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/text.h"
#include "keyring/keyring_file.h"
#include "keyring/keyring_source.h"
#include "migrations/seal_sessions.h"

namespace authstate::cli {
namespace {

struct KeyringOptions {
  // For the commands that change a keyring file: init, add, activate, deactivate.
  std::string path;
  std::string id;
  // The options of status and rewrap, which look into a database.
  DatabaseChoice database;
  KeyringSource keyring;
  bool yes = false;
};

absl::Status Report(CommandContext& context, const KeyringOptions& options, absl::string_view text) {
  if (context.output().json()) return context.output().WriteJson({{"file", options.path}, {"key", options.id}});
  return context.output().WriteLine(text);
}

absl::Status Init(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status made = InitKeyringFile(options.path, options.id); !made.ok()) return made;
  return Report(context, options,
                absl::StrCat("made ", options.path, " with the key ", options.id,
                             "; keep a copy elsewhere, and apart from the database: without it the sessions are lost. "
                             "Where several servers have one database: authstatectl keyring deactivate, start all of "
                             "them with this file, and then authstatectl keyring activate"));
}

absl::Status Add(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status added = AddKeyringKey(options.path, options.id); !added.ok()) return added;
  return Report(context, options,
                absl::StrCat("added the key ", options.id,
                             "; start every server with this file before you make the key active, and keep a copy of "
                             "it"));
}

absl::Status Activate(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status active = ActivateKeyringKey(options.path, options.id); !active.ok()) return active;
  return Report(context, options,
                absl::StrCat("the key ", options.id,
                             " is active: a server that is started from now on encrypts new sessions under it; "
                             "authstatectl keyring rewrap then brings those that are there"));
}

absl::Status Deactivate(CommandContext& context, const KeyringOptions& options) {
  if (absl::Status plain = DeactivateKeyring(options.path); !plain.ok()) return plain;
  return Report(
      context, options,
      "no key is active: a server that is started from now on makes new sessions in plain, and opens those "
      "that are encrypted; once every server was started again, authstatectl keyring rewrap --yes writes these in "
      "plain too");
}

absl::StatusOr<std::unique_ptr<storage::SessionSealer>> Open(const KeyringOptions& options) {
  const auto database = ReadDatabaseOptions(options.database);
  if (!database.ok()) return database.status();
  return migrations::OpenSealer(*database);
}

constexpr absl::string_view kWhatRemains =
    "what was plain may still be read in old pages, in the log and in backups, until VACUUM (on PostgreSQL ANALYZE and "
    "VACUUM FULL) and the end of those";

absl::Status ShowStatus(CommandContext& context, const KeyringOptions& options) {
  const auto sealer = Open(options);
  if (!sealer.ok()) return sealer.status();
  const auto state = migrations::ReadSealingState(**sealer);
  if (!state.ok()) return state.status();
  if (context.output().json()) {
    return context.output().WriteJson({{"database", (*sealer)->location()},
                                       {"plain", state->sessions.plain},
                                       {"keys", state->sessions.under},
                                       {"orphans", {{"plain", state->orphans.plain}, {"keys", state->orphans.under}}},
                                       {"hides_key_ids", state->hides_key_ids}});
  }
  std::vector<std::vector<std::string>> rows{{"database", (*sealer)->location()},
                                             {"plain", Count(state->sessions.plain, "session")}};
  rows.push_back({"key ids", state->hides_key_ids ? "hidden" : "as they are"});
  for (const auto& [key, sessions] : state->sessions.under) {
    rows.push_back({absl::StrCat("under ", key), Count(sessions, "session")});
  }
  if (state->orphans.plain > 0) rows.push_back({"kept aside, plain", Count(state->orphans.plain, "orphan")});
  for (const auto& [key, orphans] : state->orphans.under) {
    rows.push_back({absl::StrCat("kept aside, under ", key), Count(orphans, "orphan")});
  }
  absl::Status written = context.output().Write(Table(rows));
  if (!written.ok() || state->sessions.under.empty()) return written;
  return context.output().WriteLine(kWhatRemains);
}

absl::Status WriteReport(CommandContext& context, const migrations::SealingReport& report, bool plain) {
  if (context.output().json()) {
    Json failed = Json::array();
    for (const auto& [session_id, why] : report.failed) {
      failed.push_back({{"session", session_id}, {"error", std::string(why.message())}});
    }
    return context.output().WriteJson({{plain ? "opened" : "encrypted", report.resealed},
                                       {"rewrapped", report.rewrapped},
                                       {"failed", std::move(failed)},
                                       {"unused_keys", report.unused}});
  }
  std::vector<std::string> lines{absl::StrCat(plain ? "opened " : "encrypted ", Count(report.resealed, "session"),
                                              ", rewrapped the data keys of ", report.rewrapped)};
  for (const auto& [session_id, why] : report.failed) {
    lines.push_back(absl::StrCat(session_id, " stays as it is: ", why.message()));
  }
  for (const std::string& key : report.unused) {
    lines.push_back(absl::StrCat("no session is under the key ", key,
                                 " any more: it can go, once that was said of every file of write-behind too and no "
                                 "backup that is kept needs it"));
  }
  if (report.resealed > 0 && !plain) lines.emplace_back(kWhatRemains);
  return context.output().WriteLines(lines);
}

absl::Status Rewrap(CommandContext& context, const KeyringOptions& options) {
  const auto keyring = ReadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  const bool plain = (*keyring)->active().empty();
  if (plain && !options.yes) {
    return absl::FailedPreconditionError(
        "no key is active, so every session is written readable for who has the database: say --yes, once every server "
        "was started again with this keyring");
  }
  const auto sealer = Open(options);
  if (!sealer.ok()) return sealer.status();
  Progress progress(context.output().json());
  const auto report = migrations::SealSessions(
      **sealer, **keyring, [&progress](std::uint64_t sessions) { progress.Show("sessions", sessions, 0); });
  if (!report.ok()) return report.status();
  absl::Status written = WriteReport(context, *report, plain);
  if (!written.ok() || report->failed.empty()) return written;
  return absl::DataLossError(absl::StrCat(Count(report->failed.size(), "session"), " could not be brought there"));
}

}  // namespace

Command KeyringCommands(Action* action) {
  const auto options = std::make_shared<KeyringOptions>();
  const auto leaf = [&](const char* name, const char* help, std::vector<Option> declared,
                        absl::Status (*run)(CommandContext&, const KeyringOptions&)) {
    return Leaf(name, help, options, std::move(declared), run, action);
  };
  const std::vector<Option> of_file = {
      Required(Text("FILE", &options->path, "The keyring file")),
      Required(Text("ID", &options->id, "What the key is called: 1 to 32 of A-Z a-z 0-9 . _ -"))};
  std::vector<Option> of_rewrap = DeclareKeyring(&options->keyring, "The keyring file of the servers");
  of_rewrap.push_back(Yes(&options->yes, "The sessions may be written in plain"));
  Command keyring = Group(
      "keyring",
      "Make and change the file with the keys of encryption; look how a database is encrypted, and change that",
      {leaf("init", "Make a keyring file with one new key, which is active", of_file, Init),
       leaf("add", "Add a new key to a keyring file, which is not active yet", of_file, Add),
       leaf("activate", "Make a key of a keyring file the one that new sessions are encrypted under", of_file,
            Activate),
       leaf("deactivate", "Make none of its keys active: new sessions are plain", {of_file[0]}, Deactivate),
       leaf("status", "Count the sessions of a database that are plain, and those under each key", {}, ShowStatus),
       leaf("rewrap",
            "Bring every session of a database under the active key, those that are plain too; in plain where none is "
            "active. Servers go on meanwhile. Run again, it goes on where it ended",
            of_rewrap, Rewrap)});
  DeclareDatabase(&options->database, &keyring);
  return keyring;
}

}  // namespace authstate::cli

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/folder/folder_writer.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct ExportOptions {
  std::string session_id;
  std::string folder;
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
absl::Status WritePage(const client::SessionPage& page, const ExportOptions& options, const SignalWatcher& signals,
                       FolderWriter& writer, Exported* exported) {
  exported->revision = page.revision;
  if (page.creds.has_value() && !options.keys_only) {
    exported->creds_double_encoded = UnwrapCreds(*page.creds).has_value();
    if (!IsCredsObject(*page.creds) && !exported->creds_double_encoded) {
      return absl::FailedPreconditionError(
          absl::StrCat("the creds of session ", options.session_id,
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

absl::Status Report(Output& output, const ExportOptions& options, const Exported& exported) {
  if (exported.creds_double_encoded) {
    output.Warn(absl::StrCat("the creds of session ", options.session_id,
                             " are JSON text in a JSON string, with which Baileys cannot work; creds.json has them so, "
                             "and session import unwraps them"));
  }
  if (exported.null_keys > 0) {
    output.Warn(absl::StrCat(Count(exported.null_keys, "key"),
                             " left out, for the value is null, which Baileys takes for absent"));
  }
  if (output.json()) {
    return output.WriteJson({{"session_id", options.session_id},
                             {"folder", options.folder},
                             {"revision", exported.revision},
                             {"creds", exported.creds},
                             {"keys", exported.keys},
                             {"null_keys", exported.null_keys}});
  }
  return output.WriteLine(absl::StrCat("exported ", exported.creds ? "creds and " : "", Count(exported.keys, "key"),
                                       " of session ", options.session_id, " at revision ", exported.revision, " to ",
                                       options.folder));
}

absl::Status ExportSession(CommandContext& context, const ExportOptions& options) {
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  absl::StatusOr<FolderWriter> writer = FolderWriter::Create(options.folder, options.force);
  if (!writer.ok()) return writer.status();
  Progress progress(context.output().json());
  Exported exported;
  absl::Status status = client.LoadSession(options.session_id, 0, [&](const client::SessionPage& page) {
    absl::Status written = WritePage(page, options, signals, *writer, &exported);
    progress.Show("keys exported:", exported.keys, 0);
    return written.ok() ? signals.Check() : written;
  });
  if (!status.ok()) return status;
  if (!exported.creds && !options.keys_only) {
    return absl::FailedPreconditionError(
        absl::StrCat("session ", options.session_id,
                     " has no creds, and Baileys would make new ones in such a folder; --keys-only exports the keys"));
  }
  status = signals.Check();
  if (status.ok()) status = writer->Publish();
  return status.ok() ? Report(context.output(), options, exported) : status;
}

}  // namespace

Command SessionExport(Action* action) {
  const auto options = std::make_shared<ExportOptions>();
  return Leaf("export", "Write a session to a folder that Baileys' useMultiFileAuthState opens, from one snapshot",
              options,
              {SessionArgument(&options->session_id),
               Required(Text("DIR", &options->folder, "The folder: absent or empty. It appears whole, or not at all")),
               Flag("--force", &options->force, "Replace a folder that holds a session"),
               Flag("--keys-only", &options->keys_only, "Leave the creds out")},
              ExportSession, action);
}

}  // namespace authstate::cli

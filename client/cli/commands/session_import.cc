#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/commands.h"
#include "client/cli/folder/folder_reader.h"
#include "client/cli/importer.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct ImportOptions {
  std::string session_id;
  std::string folder;
  bool replace = false;
  bool keys_only = false;
  FileNameRules names;
  WriteOptions write;
};

absl::Status Report(Output& output, const ImportOptions& options, const Folder& folder, const ImportResult& result) {
  if (output.json()) {
    return output.WriteJson({{"session_id", options.session_id},
                             {"folder", options.folder},
                             {"revision", result.revision},
                             {"creds", folder.creds.has_value()},
                             {"keys", result.keys},
                             {"commits", result.commits},
                             {"resumed", result.resumed},
                             {"unchanged", result.unchanged},
                             {"creds_unwrapped", folder.creds_unwrapped},
                             {"mended", folder.mended},
                             {"ignored", folder.ignored}});
  }
  std::string text = result.unchanged
                         ? absl::StrCat("session ", options.session_id, " holds this already; nothing was written")
                         : absl::StrCat(result.resumed ? "finished an import that had ended early: " : "", "imported ",
                                        folder.creds.has_value() ? "creds and " : "", Count(result.keys, "key"),
                                        " into session ", options.session_id, " at revision ", result.revision, " in ",
                                        Count(result.commits, "commit"), "; read back and equal");
  if (folder.creds_unwrapped) absl::StrAppend(&text, "\ncreds.json held JSON text in a JSON string; it is unwrapped");
  if (!folder.mended.empty()) {
    absl::StrAppend(&text, "\nbytes that stood as numbers are Buffers now, in ", Count(folder.mended.size(), "file"),
                    ": ", Printable(absl::StrJoin(folder.mended, ", ")));
  }
  if (!folder.ignored.empty()) {
    absl::StrAppend(&text, "\nnot read, being no .json files: ", Printable(absl::StrJoin(folder.ignored, ", ")));
  }
  return output.WriteLine(text);
}

absl::Status ImportSession(CommandContext& context, const ImportOptions& options) {
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  Progress progress(context.output().json());
  absl::StatusOr<Folder> folder =
      ReadFolder(options.folder, options.names, !options.keys_only, [&](std::size_t done, std::size_t total) {
        progress.Show("reading", done, total);
        return signals.Check();
      });
  if (!folder.ok()) return folder.status();
  if (!options.keys_only && !folder->creds.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.folder, " has no creds.json; --keys-only imports the keys alone"));
  }
  return WriteUnderWatch(context, options.session_id, options.write, [&](std::uint64_t fence) {
    const absl::StatusOr<ImportResult> result =
        Import(client, {options.session_id, absl::StrCat("folder ", options.folder), options.replace, fence}, *folder,
               progress);
    if (!result.ok()) return result.status();
    if (!result->has_creds) {
      context.output().Warn(absl::StrCat(
          "session ", options.session_id,
          " has keys and no creds: no client opens it so, as a new identity does not go with old keys; give it creds "
          "with `authstatectl creds set`, or delete it"));
    }
    return Report(context.output(), options, *folder, *result);
  });
}

}  // namespace

Command SessionImport(Action* action) {
  const auto options = std::make_shared<ImportOptions>();
  Command command = Leaf(
      "import", "Read a folder of Baileys' useMultiFileAuthState into a session, then compare what was stored", options,
      Writing(&options->write,
              {SessionArgument(&options->session_id), Required(Text("DIR", &options->folder, "The folder")),
               Flag("--replace", &options->replace, "Replace the session if it exists; keys not in DIR are deleted"),
               Flag("--keys-only", &options->keys_only, "Leave the creds out; those of the session stay"),
               profiles::List("--key-type", &options->names.more_types,
                              "A key type to know beside those of Baileys; repeatable"),
               Flag("--literal-ids", &options->names.literal_ids,
                    "Where a file name does not tell whether - was : and __ was /, take it as it stands")}),
      ImportSession, action);
  command.footer =
      "Stop the program that uses the folder first. A torn, empty or unknown file is named, and nothing is changed.\n"
      "A folder within the limits of one commit (10,000 values, 32 MiB) is imported in one. A larger one is not: its "
      "keys come first\nand the creds last, so that an import that ends early leaves keys without creds, which no "
      "client "
      "opens;\nrun again, it starts over. Bytes that another store has written as {\"0\":216,…} or [216,…] are mended, "
      "and "
      "creds with\nwhich Baileys cannot work are refused.";
  return command;
}

}  // namespace authstate::cli

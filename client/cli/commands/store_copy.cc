#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct StoreCopyOptions {
  std::string name;
};

absl::Status CopyStore(CommandContext& context, const StoreCopyOptions& options) {
  const std::string name = options.name.empty()
                               ? absl::FormatTime("authstate-%Y%m%dT%H%M%SZ.db", absl::Now(), absl::UTCTimeZone())
                               : options.name;
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  absl::StatusOr<client::StoreCopy> copy;
  {
    Progress progress(context.output().json());
    copy = client.CopyStore(name, [&](const client::CopyProgress& step) {
      progress.Show(step.checking ? "reading back, bytes:" : "copying, bytes:", step.copied_bytes, step.total_bytes);
    });
  }
  if (!copy.ok()) return copy.status();
  if (context.output().json()) {
    return context.output().WriteJson({{"path", copy->path}, {"bytes", copy->bytes}, {"time", TimeText(copy->time)}});
  }
  return context.output().WriteLine(absl::StrCat("copied to ", Printable(copy->path), " on the server's machine: ",
                                                 copy->bytes, " bytes, as of ", TimeText(copy->time)));
}

}  // namespace

Command StoreCopyCommand(Action* action) {
  const auto options = std::make_shared<StoreCopyOptions>();
  return Leaf(
      "copy", "Have the server copy its SQLite file, of one moment, into its --copy-folder; it serves meanwhile",
      options,
      {Text("NAME", &options->name, "What to call the copy, which may not exist: it ends in .db [authstate-TIME.db]")},
      CopyStore, action);
}

}  // namespace authstate::cli

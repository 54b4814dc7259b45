#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/database_choice.h"
#include "client/cli/home_admin.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

using client::HomeInfo;

struct HomeOptions {
  DatabaseChoice database;
  std::string store_id;
  bool yes = false;
};

std::string WriteTime(const HomeInfo& home) {
  return home.write_time.has_value() ? TimeText(*home.write_time) : "never";
}

absl::Status List(CommandContext& context, const HomeOptions& options) {
  SignalWatcher signals;
  const auto admin = OpenHomes(context, signals, options.database);
  if (!admin.ok()) return admin.status();
  const auto homes = (*admin)->List(options.store_id);
  if (!homes.ok()) return homes.status();
  if (context.output().json()) {
    Json list = Json::array();
    for (const HomeInfo& home : *homes) {
      list.push_back({{"session_id", home.session_id},
                      {"store", home.store_id},
                      {"address", home.address},
                      {"revision", home.revision},
                      {"written", home.write_time.has_value() ? Json(TimeText(*home.write_time)) : Json()}});
    }
    return context.output().WriteJson({{"homes", std::move(list)}});
  }
  std::vector<std::vector<std::string>> rows{{"SESSION", "REVISION", "FLUSHED", "STORE", "ADDRESS"}};
  for (const HomeInfo& home : *homes) {
    rows.push_back({home.session_id, absl::StrCat(home.revision), WriteTime(home), Printable(home.store_id),
                    home.address.empty() ? "-" : Printable(home.address)});
  }
  return context.output().Write(Table(rows));
}

std::string Question(const HomeOptions& options, const std::vector<HomeInfo>& homes) {
  const std::string& address = homes.front().address;
  return absl::StrCat("Give up ", Count(homes.size(), "session"), " at home in the file ", options.store_id,
                      address.empty() ? "" : absl::StrCat(" of ", Printable(address)),
                      "? What they were written since the last flush is lost with that file.");
}

// What became of one session.
absl::Status Report(CommandContext& context, const HomeInfo& home, const client::AbandonedHome& result, Json* done) {
  if (context.output().json()) {
    done->push_back({{"session_id", home.session_id},
                     {"abandoned", result.abandoned},
                     {"revision", result.revision},
                     {"flushed", home.write_time.has_value() ? Json(TimeText(*home.write_time)) : Json()},
                     {"owner", result.owner}});
    return absl::OkStatus();
  }
  if (result.abandoned) {
    return context.output().WriteLine(absl::StrCat(
        "session ", home.session_id, " goes on from revision ", result.revision,
        home.write_time.has_value() ? absl::StrCat(", flushed last ", TimeText(*home.write_time)) : ", never flushed"));
  }
  return context.output().WriteLine(
      absl::StrCat("session ", home.session_id, " is not at home there any more, and is left as it is, at revision ",
                   result.revision, result.owner.empty() ? "" : ", of ", Printable(result.owner)));
}

absl::Status Abandon(CommandContext& context, const HomeOptions& options) {
  SignalWatcher signals;
  const auto admin = OpenHomes(context, signals, options.database);
  if (!admin.ok()) return admin.status();
  const auto homes = (*admin)->List(options.store_id);
  if (!homes.ok()) return homes.status();
  if (!homes->empty() && !options.yes) {
    absl::Status confirmed = Confirm(
        "abandoning", [&] { return Question(options, *homes); }, "nothing was abandoned");
    if (!confirmed.ok()) return confirmed;
  }
  // What has happened is said also where it ends early.
  Json done = Json::array();
  absl::Status status;
  for (const HomeInfo& home : *homes) {
    status = signals.Check();
    if (!status.ok()) break;
    const auto result = (*admin)->Abandon(home.session_id, options.store_id);
    status = result.ok() ? Report(context, home, *result, &done) : result.status();
    if (!status.ok()) break;
  }
  absl::Status written;
  if (context.output().json()) {
    written = context.output().WriteJson({{"store", options.store_id}, {"sessions", std::move(done)}});
  } else if (homes->empty()) {
    written = context.output().WriteLine(absl::StrCat("no session is at home in the file ", options.store_id));
  }
  return status.ok() ? written : status;
}

}  // namespace

Command HomeCommands(Action* action) {
  const auto options = std::make_shared<HomeOptions>();
  Command home =
      Group("home",
            "What is at home in files of write-behind, as the database knows it. Asks the server; with an option that "
            "names a "
            "database or the --config of authstated, that database, also while there is no server",
            {Leaf("list", "List the sessions at home, what the database has of them, and where they are", options,
                  {Text("--store", &options->store_id, "Only those in the file of this id")}, List, action),
             Leaf("abandon",
                  "Give up what is at home in a file that is lost: each session goes on from what was flushed last. "
                  "Run again, "
                  "it goes on where it ended",
                  options,
                  {Required(Text("--store", &options->store_id, "The id of the file, as list tells it")),
                   Yes(&options->yes, "Do not ask: what was not flushed is lost")},
                  Abandon, action)});
  DeclareDatabase(&options->database, &home);
  return home;
}

}  // namespace authstate::cli

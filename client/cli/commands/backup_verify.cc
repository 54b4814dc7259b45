#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/backup/backup_folder.h"
#include "client/cli/backup/verification.h"
#include "client/cli/commands/backup.h"
#include "client/cli/importer.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

struct VerifyOptions {
  std::string path;
  KeyringSource keyring;
  bool live = false;
};

// How the sessions of a backup stand to those of a server.
struct Standing {
  std::uint64_t equal = 0;
  std::uint64_t newer = 0;
  std::vector<std::string> missing;
  // At an earlier revision than in the backup, or at the same with other values.
  std::vector<std::string> older;
  std::vector<std::string> different;
  // Sessions of the server that are not in the backup.
  std::uint64_t not_saved = 0;
};

using Listed = std::map<std::string, client::SessionSummary>;

absl::StatusOr<Listed> List(client::Client& client) {
  Listed listed;
  const auto listing = client.ListSessions({}, [&](client::SessionSummary session) {
    std::string id = session.session_id;
    listed.emplace(std::move(id), std::move(session));
    return absl::OkStatus();
  });
  if (!listing.ok()) return listing.status();
  return listed;
}

// Compares the session that `reader` has started with `live`, which is at the same revision.
absl::Status CompareOne(client::Client& client, const SessionStamp& stamp, const client::SessionSummary& live,
                        BackupReader& reader, Standing* standing) {
  const absl::StatusOr<Folder> saved = ReadWholeSession(reader);
  if (!saved.ok()) return saved.status();
  Progress quiet(/*quiet=*/true);
  const absl::Status equal = live.has_creds == saved->creds.has_value()
                                 ? CompareWithStore(client, stamp.session_id, *saved, stamp.revision, quiet)
                                 : absl::DataLossError("one has creds, and the other has none");
  if (equal.ok()) {
    ++standing->equal;
  } else if (absl::IsAborted(equal) ||
             (absl::IsDataLoss(equal) && !live.revision_tells_all && !client::ReasonOf(equal).has_value())) {
    // To the legacy tables other programs write without a new revision. What the server calls damaged has a reason.
    ++standing->newer;
  } else if (absl::IsNotFound(equal)) {
    standing->missing.push_back(stamp.session_id);
  } else if (absl::IsDataLoss(equal)) {
    standing->different.push_back(stamp.session_id);
  } else {
    return equal;
  }
  return absl::OkStatus();
}

absl::StatusOr<Standing> Compare(client::Client& client, BackupReader& reader, const SignalWatcher& signals,
                                 Progress& progress) {
  absl::StatusOr<Listed> listed = List(client);
  if (!listed.ok()) return listed.status();
  Standing standing;
  while (true) {
    const absl::StatusOr<std::optional<SessionStamp>> stamp = reader.NextSession();
    if (!stamp.ok()) return stamp.status();
    if (!stamp->has_value()) break;
    progress.Show("sessions compared:", reader.totals().sessions, 0);
    absl::Status status = signals.Check();
    const SessionStamp& saved = **stamp;
    const auto live = listed->find(saved.session_id);
    if (live == listed->end()) {
      standing.missing.push_back(saved.session_id);
    } else if (live->second.revision > saved.revision) {
      ++standing.newer;
    } else if (live->second.revision < saved.revision) {
      standing.older.push_back(saved.session_id);
    } else if (status.ok()) {
      status = CompareOne(client, saved, live->second, reader, &standing);
    }
    if (live != listed->end()) listed->erase(live);
    if (!status.ok()) return status;
  }
  standing.not_saved = listed->size();
  return standing;
}

absl::Status ReportLive(Output& output, const std::string& path, const Standing& standing) {
  if (output.json()) {
    return output.WriteJson({{"file", path},
                             {"equal", standing.equal},
                             {"live_is_newer", standing.newer},
                             {"missing", standing.missing},
                             {"live_is_older", standing.older},
                             {"different", standing.different},
                             {"not_in_backup", standing.not_saved}});
  }
  const auto name = [&output](const std::vector<std::string>& ids, absl::string_view what) {
    absl::Status written;
    for (const std::string& id : ids) {
      if (written.ok()) written = output.WriteLine(absl::StrCat("session ", id, what));
    }
    return written;
  };
  absl::Status written = name(standing.missing, " is not on the server");
  if (written.ok()) written = name(standing.older, " is at an earlier revision on the server: it has gone back");
  if (written.ok()) written = name(standing.different, " has other values on the server, at the same revision");
  if (!written.ok()) return written;
  return output.WriteLine(absl::StrCat(path, " beside the server: ", Count(standing.equal, "session"), " equal, ",
                                       standing.newer, " newer there, ", standing.missing.size(), " missing there, ",
                                       standing.older.size() + standing.different.size(), " that should not be so, ",
                                       standing.not_saved, " not in the backup"));
}

absl::Status VerifyLive(CommandContext& context, const std::string& path, const Keyring& keyring) {
  const absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(path, keyring);
  if (!reader.ok()) return reader.status();
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  const absl::Status told = TellOfAnotherStore(context.output(), client, (*reader)->header(), path);
  if (!told.ok()) return told;
  Progress progress(context.output().json());
  const absl::StatusOr<Standing> standing = Compare(client, **reader, signals, progress);
  if (!standing.ok()) return standing.status();
  absl::Status written = ReportLive(context.output(), path, *standing);
  if (!written.ok()) return written;
  const std::size_t wrong = standing->older.size() + standing->different.size();
  if (wrong > 0) {
    return absl::DataLossError(
        absl::StrCat(Count(wrong, "session"), " of the server cannot have come from the backup"));
  }
  if (standing->missing.empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(Count(standing->missing.size(), "session"), " of the backup ",
                                          standing->missing.size() == 1 ? "is" : "are", " not on the server"));
}

absl::Status Verify(CommandContext& context, const VerifyOptions& options) {
  const auto keyring = ReadKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  const absl::StatusOr<std::string> path = FindBackup(options.path);
  if (!path.ok()) return path.status();
  if (options.live) return VerifyLive(context, *path, **keyring);
  SignalWatcher signals;
  signals.Start([] {});
  Output& output = context.output();
  Progress progress(output.json());
  const auto verified = VerifyBackup(*path, **keyring, [&](std::uint64_t sessions) {
    progress.Show("sessions read:", sessions, 0);
    return signals.Check();
  });
  if (!verified.ok()) return verified.status();
  const BackupTotals& totals = verified->totals;
  if (output.json()) {
    return output.WriteJson({{"file", *path},
                             {"number", verified->header.number},
                             {"created", TimeText(verified->header.create_time)},
                             {"key", verified->header.key_id},
                             {"sessions", totals.sessions},
                             {"keys", totals.keys},
                             {"value_bytes", totals.value_bytes},
                             {"kept", verified->kept}});
  }
  for (const std::string& id : verified->kept) {
    absl::Status written =
        output.WriteLine(absl::StrCat("session ", id, " is of an earlier backup, as the server could not read it"));
    if (!written.ok()) return written;
  }
  return output.WriteLine(absl::StrCat(*path, " is right: ", Count(totals.sessions, "session"), " with ",
                                       Count(totals.keys, "key"), " and ", totals.value_bytes, " bytes of values, of ",
                                       TimeText(verified->header.create_time)));
}

}  // namespace

Command BackupVerify(Action* action) {
  const auto options = std::make_shared<VerifyOptions>();
  return Leaf(
      "verify", "Read a backup whole, and tell whether every byte is right; exits with 6 where one is not", options,
      WithBackupKeyring(&options->keyring,
                        {BackupArgument(&options->path),
                         Flag("--live", &options->live,
                              "Compare it with the server too: which sessions are equal, newer there or missing "
                              "there (exit code 3), and which cannot have come from the backup (6)")}),
      Verify, action);
}

}  // namespace authstate::cli

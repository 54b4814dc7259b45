#include "client/cli/restorer.h"

#include <optional>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "client/cli/find_session.h"
#include "client/cli/import_plan.h"
#include "client/cli/importer.h"
#include "client/cli/terminal/lease_text.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/write_lease.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

// Whether the session is what an earlier run has left of the same backup; FailedPrecondition for that of another.
absl::StatusOr<bool> IsUnfinished(client::Client& client, const SavedSession& saved, const RestoreTerms& terms) {
  const client::KeyEntry mark = UnfinishedMark(terms.origin);
  const absl::StatusOr<client::Keys> marks = client.GetKeys(saved.session_id, {mark.name});
  if (!marks.ok()) return marks.status();
  if (marks->found.empty() || marks->found == std::vector{mark}) return !marks->found.empty();
  return absl::FailedPreconditionError(absl::StrCat("it is what was left of an import or restore of ",
                                                    marks->found.front().value.bytes,
                                                    " that ended early: finish that, or replace it with --overwrite"));
}

// What becomes of a session that exists and is not to be replaced.
absl::StatusOr<Restored> LookAt(client::Client& client, const SavedSession& saved, const client::SessionSummary& live) {
  Restored restored{Restored::Outcome::kLeftAlone, live.revision};
  if (live.has_creds != saved.state.creds.has_value()) return restored;
  Progress quiet(/*quiet=*/true);
  const absl::Status equal = CompareWithStore(client, saved.session_id, saved.state, live.revision, quiet);
  if (equal.ok()) restored.outcome = Restored::Outcome::kEqual;
  // What the server calls damaged is not left as if all were well; the comparison's own word has no reason.
  const bool differs = absl::IsDataLoss(equal) && !client::ReasonOf(equal).has_value();
  if (equal.ok() || differs || absl::IsAborted(equal)) return restored;
  return equal;
}

}  // namespace

absl::StatusOr<Restored> RestoreSession(CommandContext& context, const SavedSession& saved, const RestoreTerms& terms) {
  client::Client& client = context.client();
  const auto live = FindSession(client, saved.session_id);
  if (!live.ok()) return live.status();
  const std::uint64_t revision = live->has_value() ? (*live)->revision : 0;
  if (live->has_value() && !terms.overwrite) {
    const absl::StatusOr<bool> unfinished = IsUnfinished(client, saved, terms);
    if (!unfinished.ok()) return unfinished.status();
    if (!*unfinished) return LookAt(client, saved, **live);
  }
  if (!saved.state.creds.has_value() && saved.state.keys.empty()) return Restored{Restored::Outcome::kEmpty, revision};
  if (terms.dry_run) {
    if (live->has_value() && IsLive((*live)->lease) && !terms.steal) {
      return absl::FailedPreconditionError(absl::StrCat("the session has a live lease, of ", (*live)->lease.owner,
                                                        "; --steal takes it also from an owner that is alive"));
    }
    return Restored{Restored::Outcome::kRestored, revision};
  }
  WriteOptions write;
  write.take_lease = true;
  write.steal = terms.steal;
  // At random, as one backup may be restored into two stores one after the other.
  absl::BitGen random;
  const auto ahead = [&random] { return absl::Uniform<std::uint64_t>(random, kAheadOfBackup, kMostAheadOfBackup); };
  write.fence_above = saved.fence + (saved.fence_is_hidden ? kFencesOfAHome : 0) + ahead();
  Restored restored;
  const absl::Status written = WriteUnderWatch(context, saved.session_id, write, [&](std::uint64_t fence) {
    ImportTarget target{saved.session_id, terms.origin, terms.overwrite, fence};
    target.keeps_creds = false;
    target.revision_above = saved.revision + ahead();
    Progress quiet(/*quiet=*/true);
    const absl::StatusOr<ImportResult> imported = Import(client, target, saved.state, quiet);
    if (imported.ok()) restored.revision = imported->revision;
    return imported.status();
  });
  if (!written.ok()) return written;
  return restored;
}

}  // namespace authstate::cli

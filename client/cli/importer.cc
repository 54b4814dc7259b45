#include "client/cli/importer.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/find_session.h"
#include "client/cli/terminal/text.h"
#include "client/cpp/error.h"
#include "contract/json_meaning.h"

namespace authstate::cli {
namespace {

// Where the session stands before the import.
struct Standing {
  bool exists = false;
  bool has_creds = false;
  std::uint64_t revision = 0;
};

absl::StatusOr<Standing> Look(client::Client& client, const std::string& session_id) {
  const auto session = FindSession(client, session_id);
  if (!session.ok()) return session.status();
  if (session->has_value()) {
    return Standing{true, (*session)->has_creds, (*session)->revision};
  }
  // A session that was deleted keeps its revision, which the refusal of its creds tells.
  const absl::Status refusal = client.GetCreds(session_id).status();
  if (refusal.ok()) return absl::AbortedError(absl::StrCat("session ", session_id, " was written just now"));
  if (!absl::IsNotFound(refusal)) return refusal;
  const std::optional<std::uint64_t> revision = client::RevisionOf(refusal);
  if (!revision.has_value()) return absl::InternalError("the server did not tell the session's revision");
  return Standing{false, false, *revision};
}

// An error after which part of the import may be in the store.
absl::Status Unfinished(const absl::Status& status, const ImportPlan& plan, std::size_t applied) {
  if (applied == 0 && !plan.delete_creds_first) return status;
  const bool creds_missing = plan.commits.back().creds.has_value();
  return WithMessage(
      status, absl::StrCat(status.message(), "; ", applied, " of ", plan.commits.size(), " commits were applied",
                           creds_missing ? ", the session has no creds" : "", ": run the same again to finish it"));
}

// Writes the commits one after another, and returns the last revision.
absl::StatusOr<std::uint64_t> Write(client::Client& client, const ImportTarget& target, const ImportPlan& plan,
                                    std::uint64_t revision, Progress& progress) {
  if (plan.delete_creds_first) {
    const absl::StatusOr<std::uint64_t> marked =
        client.SetKeys(target.session_id, {UnfinishedMark(target.origin)}, revision, target.fence);
    if (!marked.ok()) return marked.status();
    const absl::StatusOr<std::uint64_t> deleted = client.DeleteCreds(target.session_id, *marked, target.fence);
    if (!deleted.ok()) return deleted.status();
    revision = *deleted;
  }
  const std::size_t total = plan.commits.size();
  std::size_t applied = 0;
  progress.Show("writing", applied, total);
  for (client::CommitRequest commit : plan.commits) {
    commit.expected_revision = revision;
    if (target.revision_above > revision) commit.carried_revision = target.revision_above + 1;
    const std::uint64_t carried = commit.carried_revision;
    commit.fence = target.fence;
    const absl::StatusOr<std::uint64_t> written = client.Commit(std::move(commit));
    if (!written.ok()) return Unfinished(written.status(), plan, applied);
    if (carried != 0 && *written != carried) {
      return absl::FailedPreconditionError("the server, of an older version, went on from the revision that it knew");
    }
    revision = *written;
    progress.Show("writing", ++applied, total);
  }
  return revision;
}

// Whether the store holds what was imported: the same bytes, or in the legacy tables, whose JSONB keeps neither the
// order of members nor the spelling of numbers, the same meaning.
bool SameValue(const Value& imported, const Value& stored) {
  if (imported == stored) return true;
  if (imported.kind != ValueKind::kJson || stored.kind != ValueKind::kJson) return false;
  const absl::StatusOr<std::string> one = JsonMeaning(imported.bytes);
  const absl::StatusOr<std::string> other = JsonMeaning(stored.bytes);
  return one.ok() && other.ok() && *one == *other;
}

// What differs between what was imported and what the store holds now.
class Comparison {
 public:
  // `revision`: at which the session was imported.
  // `other_creds`: the store may have creds where the import had none.
  Comparison(const Folder& imported, std::uint64_t revision, bool other_creds)
      : imported_(imported), revision_(revision), other_creds_(other_creds), found_(imported.keys.size()) {}

  // Takes the next page of the store, whose keys come in any order, and once each.
  absl::Status Take(const client::SessionPage& page) {
    if (page.revision != revision_) {
      return absl::AbortedError("another writer has changed the session since");
    }
    // The creds are in the first page.
    if (page.creds.has_value()) {
      creds_equal_ = imported_.creds.has_value() ? SameValue(*imported_.creds, *page.creds) : other_creds_;
    }
    for (const client::KeyEntry& entry : page.keys) {
      const auto imported =
          std::lower_bound(imported_.keys.begin(), imported_.keys.end(), entry.name,
                           [](const client::KeyEntry& key, const client::KeyName& name) { return key.name < name; });
      if (imported == imported_.keys.end() || imported->name != entry.name ||
          !SameValue(imported->value, entry.value)) {
        return Differs(entry.name);
      }
      found_[static_cast<std::size_t>(imported - imported_.keys.begin())] = true;
      ++keys_;
    }
    return absl::OkStatus();
  }

  absl::Status Finish() const {
    if (!creds_equal_) return absl::DataLossError("the store holds other creds than were imported");
    const auto missing = std::find(found_.begin(), found_.end(), false);
    if (missing == found_.end()) return absl::OkStatus();
    return Differs(imported_.keys[static_cast<std::size_t>(missing - found_.begin())].name);
  }

  std::size_t keys() const { return keys_; }

 private:
  static absl::Status Differs(const client::KeyName& name) {
    return absl::DataLossError(
        absl::StrCat("the store does not hold what was imported: key ", name.type, " ", name.id, " differs"));
  }

  const Folder& imported_;
  const std::uint64_t revision_;
  const bool other_creds_;
  // As long as the store has shown none: whether none were imported.
  bool creds_equal_ = !imported_.creds.has_value();
  std::size_t keys_ = 0;
  // For each key of `imported_`, in its order: whether the store has it.
  std::vector<bool> found_;
};

absl::Status Compare(client::Client& client, const std::string& session_id, const Folder& folder,
                     std::uint64_t revision, bool other_creds, Progress& progress) {
  Comparison comparison(folder, revision, other_creds);
  absl::Status status = client.LoadSession(session_id, 0, [&](const client::SessionPage& page) {
    absl::Status equal = comparison.Take(page);
    progress.Show("comparing", comparison.keys(), folder.keys.size());
    return equal;
  });
  return status.ok() ? comparison.Finish() : status;
}

// What becomes of a session that exists and was not to be replaced.
absl::StatusOr<ImportResult> GoOnWith(client::Client& client, const ImportTarget& target, const Folder& folder,
                                      const Standing& standing, Progress& progress) {
  const client::KeyEntry mark = UnfinishedMark(target.origin);
  const absl::StatusOr<client::Keys> marks = client.GetKeys(target.session_id, {mark.name}, target.fence);
  if (!marks.ok()) return marks.status();
  ImportResult result;
  result.resumed = marks->found == std::vector{mark};
  if (result.resumed) return result;
  if (!marks->found.empty()) {
    return absl::AlreadyExistsError(absl::StrCat("session ", target.session_id, " is an import of ",
                                                 marks->found.front().value.bytes,
                                                 " that ended early: finish that, or replace it with --replace"));
  }
  if (standing.has_creds == folder.creds.has_value()) {
    const absl::Status equal = CompareWithStore(client, target.session_id, folder, standing.revision, progress);
    if (!equal.ok() && !absl::IsDataLoss(equal)) return equal;
    result.unchanged = equal.ok();
  }
  if (result.unchanged) return result;
  return absl::AlreadyExistsError(
      absl::StrCat("session ", target.session_id, " exists and holds something else; --replace replaces it"));
}

// An import that is about to be written.
struct Prepared {
  ImportResult result;
  ImportPlan plan;
};

absl::StatusOr<Prepared> Prepare(client::Client& client, const ImportTarget& target, const Folder& folder,
                                 Progress& progress) {
  const bool empty = !folder.creds.has_value() && folder.keys.empty();
  if (empty) return absl::FailedPreconditionError("there is nothing to import");
  const absl::StatusOr<Standing> standing = Look(client, target.session_id);
  if (!standing.ok()) return standing.status();
  Prepared prepared;
  ImportResult& result = prepared.result;
  if (standing->exists && !target.replace) {
    const absl::StatusOr<ImportResult> going_on = GoOnWith(client, target, folder, *standing, progress);
    if (!going_on.ok()) return going_on.status();
    result = *going_on;
  }
  result.keys = folder.keys.size();
  result.has_creds = folder.creds.has_value() || (standing->has_creds && target.keeps_creds);
  result.revision = standing->revision;
  if (result.unchanged) return prepared;
  prepared.plan =
      PlanImport(target.session_id, folder, target.origin, {standing->exists, standing->has_creds, target.keeps_creds});
  result.commits = prepared.plan.commits.size();
  return prepared;
}

}  // namespace

absl::Status CompareWithStore(client::Client& client, const std::string& session_id, const Folder& folder,
                              std::uint64_t revision, Progress& progress) {
  return Compare(client, session_id, folder, revision, /*other_creds=*/false, progress);
}

absl::StatusOr<ImportResult> PreviewImport(client::Client& client, const ImportTarget& target, const Folder& folder,
                                           Progress& progress) {
  const absl::StatusOr<Prepared> prepared = Prepare(client, target, folder, progress);
  return prepared.ok() ? absl::StatusOr<ImportResult>(prepared->result) : prepared.status();
}

absl::StatusOr<ImportResult> Import(client::Client& client, const ImportTarget& target, const Folder& folder,
                                    Progress& progress) {
  const absl::StatusOr<Prepared> prepared = Prepare(client, target, folder, progress);
  if (!prepared.ok()) return prepared.status();
  ImportResult result = prepared->result;
  if (result.unchanged) return result;
  const absl::StatusOr<std::uint64_t> revision = Write(client, target, prepared->plan, result.revision, progress);
  if (!revision.ok()) return revision.status();
  result.revision = *revision;
  const absl::Status equal = Compare(client, target.session_id, folder, result.revision, target.keeps_creds, progress);
  if (equal.ok()) return result;
  if (absl::IsDataLoss(equal)) return equal;
  return WithMessage(equal,
                     absl::StrCat("imported at revision ", result.revision, ", but not compared: ", equal.message()));
}

}  // namespace authstate::cli

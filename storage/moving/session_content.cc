#include "storage/moving/session_content.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "storage/await_call.h"
#include "storage/error.h"
#include "storage/moving/session_digest.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kPageBytes = std::size_t{1} << 20;
constexpr absl::Duration kSnapshotPatience = absl::Seconds(5);

absl::StatusOr<LeaseResult> ReadRow(Backend& backend, const std::string& session_id, absl::Time deadline) {
  LeaseRequest get;
  get.session_id = session_id;
  auto results = AwaitCall<std::vector<absl::StatusOr<LeaseResult>>>(
      [&](auto done) { backend.Leases({get}, deadline, std::move(done)); });
  return std::move(results.front());
}

bool SameMoment(std::uint64_t revision, const Lease& lease, const LeaseResult& row) {
  return revision == row.revision && lease.fence == row.lease.fence && lease.owner == row.lease.owner;
}

// Hands each key of the snapshot to `take`, until that fails.
template <typename Take>
absl::Status EachKey(Snapshot& snapshot, absl::Time deadline, Take take) {
  for (bool last = false; !last;) {
    auto page = AwaitCall<absl::StatusOr<Snapshot::Page>>(
        [&](auto done) { snapshot.Next(kPageBytes, deadline, std::move(done)); });
    if (!page.ok()) return page.status();
    for (KeyWrite& key : page->keys) {
      absl::StatusOr<std::string> digest = DigestValue(key.value);
      if (!digest.ok()) return digest.status();
      take(std::move(key), *std::move(digest));
    }
    last = page->last;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshot>> AwaitSnapshot(Backend& backend, const std::string& session_id,
                                                        absl::Time deadline) {
  const absl::Time give_up = std::min(deadline, absl::Now() + kSnapshotPatience);
  while (true) {
    auto snapshot = AwaitCall<absl::StatusOr<std::unique_ptr<Snapshot>>>(
        [&](auto done) { backend.OpenSnapshot({session_id}, deadline, std::move(done)); });
    const absl::Time again = absl::Now() + RetryDelayOf(snapshot.status()).value_or(absl::InfiniteDuration());
    if (ReasonOf(snapshot.status()) != kQueueFull || again > give_up) return snapshot;
    absl::SleepFor(again - absl::Now());
  }
}

absl::StatusOr<SessionState> ReadState(Backend& backend, const std::string& session_id, absl::Time deadline) {
  SessionState state;
  state.asked = absl::Now();
  absl::StatusOr<LeaseResult> row = ReadRow(backend, session_id, deadline);
  if (!row.ok()) return row.status();
  state.row = *std::move(row);
  state.answered = absl::Now();
  auto snapshot = AwaitSnapshot(backend, session_id, deadline);
  if (snapshot.ok()) {
    state.snapshot = *std::move(snapshot);
    state.of_one_moment = SameMoment(state.snapshot->revision(), state.snapshot->lease(), state.row);
    return state;
  }
  if (!absl::IsNotFound(snapshot.status())) return snapshot.status();
  const absl::StatusOr<LeaseResult> still = ReadRow(backend, session_id, deadline);
  if (!still.ok()) return still.status();
  state.of_one_moment = SameMoment(state.row.revision, state.row.lease, *still);
  return state;
}

absl::StatusOr<ContentDigests> DigestContent(const SessionState& state, absl::Time deadline) {
  ContentDigests digests;
  if (!state.exists()) return digests;
  if (state.snapshot->creds().has_value()) {
    absl::StatusOr<std::string> creds = DigestValue(*state.snapshot->creds());
    if (!creds.ok()) return creds.status();
    digests.creds = *std::move(creds);
  }
  absl::Status read = EachKey(*state.snapshot, deadline, [&](KeyWrite key, std::string digest) {
    digests.keys[std::move(key.name)] = std::move(digest);
  });
  if (!read.ok()) return read;
  return digests;
}

absl::StatusOr<ContentChange> ChangeInto(const SessionState& from, bool exists, ContentDigests to,
                                         absl::Time deadline) {
  ContentChange change;
  if (!from.exists()) {
    change.commit.action = Commit::Action::kDeleteSession;
    change.differs = exists;
    if (exists) change.what = "is on the target only";
    return change;
  }
  std::vector<std::string> parts;
  if (!exists) parts.emplace_back("is missing on the target");
  const std::optional<Value>& creds = from.snapshot->creds();
  if (creds.has_value()) {
    change.bytes_read += creds->bytes.size();
    const absl::StatusOr<std::string> digest = DigestValue(*creds);
    if (!digest.ok()) return digest.status();
    if (*digest != to.creds) change.commit.creds = *creds;
  } else if (to.creds.has_value()) {
    change.commit.action = Commit::Action::kWriteWithoutCreds;
  }
  if (exists && (change.commit.creds.has_value() || change.commit.action == Commit::Action::kWriteWithoutCreds)) {
    parts.emplace_back("creds differ");
  }
  absl::Status read = EachKey(*from.snapshot, deadline, [&](KeyWrite key, const std::string& digest) {
    change.bytes_read += key.value.bytes.size();
    const auto found = to.keys.find(key.name);
    const bool same = found != to.keys.end() && found->second == digest;
    if (found != to.keys.end()) to.keys.erase(found);
    if (!same) change.commit.sets.push_back(std::move(key));
  });
  if (!read.ok()) return read;
  for (const auto& [name, digest] : to.keys) change.commit.deletes.push_back(name);
  const std::size_t keys = change.commit.sets.size() + change.commit.deletes.size();
  if (exists && keys > 0) parts.push_back(absl::StrCat(keys, keys == 1 ? " key differs" : " keys differ"));
  change.differs = !parts.empty();
  change.what = absl::StrJoin(parts, "; ");
  return change;
}

}  // namespace authstate::storage

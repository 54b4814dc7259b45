#include "storage/postgres/session/commit_parameters.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/postgres/connection/lock_timeout.h"
#include "storage/postgres/layout/value_patch.h"

namespace authstate::storage {
namespace {

std::int16_t Number(Commit::Action action) {
  switch (action) {
    case Commit::Action::kWrite:
      return 0;
    case Commit::Action::kDeleteCreds:
      return 1;
    case Commit::Action::kDeleteSession:
      return 2;
    case Commit::Action::kWriteWithoutCreds:
      break;
  }
  return 3;
}

// The numbers as PostgreSQL writes an array of them.
std::string ArrayText(const RecentCommits& commits, std::uint64_t RecentCommits::Entry::*number) {
  std::string text = "{";
  for (const RecentCommits::Entry& commit : commits.entries()) {
    absl::StrAppend(&text, text.size() == 1 ? "" : ",", static_cast<std::int64_t>(commit.*number));
  }
  return text + "}";
}

// The last write of each key, in the order of the keys.
std::vector<const KeyWrite*> LastWrites(const std::vector<KeyWrite>& sets) {
  std::vector<const KeyWrite*> writes;
  writes.reserve(sets.size());
  // From the last to the first, so that the stable sort puts the last write of a key first, where unique keeps it.
  for (auto write = sets.rbegin(); write != sets.rend(); ++write) writes.push_back(&*write);
  std::stable_sort(writes.begin(), writes.end(),
                   [](const KeyWrite* a, const KeyWrite* b) { return a->name < b->name; });
  const auto end = std::unique(writes.begin(), writes.end(),
                               [](const KeyWrite* a, const KeyWrite* b) { return a->name == b->name; });
  writes.erase(end, writes.end());
  return writes;
}

std::size_t PatchFrom(const Commit& commit) { return commit.carried.has_value() ? kPatchCarriedFrom : kPatchFrom; }

}  // namespace

PackedValue CommitParameters::Stored(const ValuePlace& place, const Value& value, const DataKey* key) const {
  return pack_values_ ? PackValue(place, value, key) : PackedValue{static_cast<std::int16_t>(value.kind), value.bytes};
}

void CommitParameters::Add(const Commit& commit, bool whole, const SessionSealing& sealing) {
  ++members_;
  const bool writes = commit.writes();
  session_id_.AddBytes(commit.session_id);
  commit_id_.AddInt8(static_cast<std::int64_t>(commit.id));
  action_.AddInt2(Number(commit.action));
  if (commit.expected_revision.has_value()) {
    expected_revision_.AddInt8(static_cast<std::int64_t>(*commit.expected_revision));
  } else {
    expected_revision_.AddNull();
  }
  clear_keys_.AddBool(writes && commit.clear_keys);
  if (commit.action != Commit::Action::kWrite || commit.clear_keys) Need(CommitForm::kAny);
  if (writes && commit.creds.has_value()) {
    Need(CommitForm::kWrites);
    const PackedValue stored = Stored({commit.session_id, "", ""}, *commit.creds, sealing.data_key());
    creds_kind_.AddInt2(stored.kind);
    creds_value_.AddBytes(stored.bytes);
  } else {
    creds_kind_.AddNull();
    creds_value_.AddNull();
  }
  fence_.AddInt8(static_cast<std::int64_t>(commit.fence));
  number_.AddInt8(static_cast<std::int64_t>(commit.number));
  AddCarried(commit);
  AddSealing(sealing);
  if (!writes) return;
  AddSets(commit, whole, sealing.data_key());
  if (!commit.clear_keys) AddDeletes(commit);
}

void CommitParameters::AddCarried(const Commit& commit) {
  if (!commit.carried.has_value()) {
    for (PgArray* const array : {&revision_, &recent_ids_, &recent_revisions_}) array->AddNull();
    return;
  }
  Need(CommitForm::kAny);
  revision_.AddInt8(static_cast<std::int64_t>(commit.carried->revision));
  recent_ids_.AddBytes(ArrayText(commit.carried->recent, &RecentCommits::Entry::id));
  recent_revisions_.AddBytes(ArrayText(commit.carried->recent, &RecentCommits::Entry::revision));
}

void CommitParameters::AddSealing(const SessionSealing& sealing) {
  if (sealing.made) {
    // Only a session without values takes a new key, and an UPDATE is for those that have some.
    Need(CommitForm::kAny);
    new_key_.AddBytes(sealing.wrapped);
  } else {
    new_key_.AddNull();
  }
  if (sealing.made || sealing.wrapped.empty()) {
    key_mark_.AddNull();
  } else {
    key_mark_.AddBytes(DataKeyMark(sealing.wrapped));
  }
}

void CommitParameters::AddSets(const Commit& commit, bool whole, const DataKey* key) {
  for (const KeyWrite* write : LastWrites(commit.sets)) {
    set_session_id_.AddBytes(commit.session_id);
    set_type_.AddBytes(write->name.type);
    set_id_.AddBytes(write->name.id);
    if (whole || !AddPatch(commit, *write, key)) AddWhole(commit, *write, key);
  }
}

bool CommitParameters::AddPatch(const Commit& commit, const KeyWrite& write, const DataKey* key) {
  if (bases_ == nullptr || write.value.bytes.size() < PatchFrom(commit)) return false;
  const auto base = bases_->Find(commit.session_id, write.name);
  if (base == nullptr) return false;
  const std::optional<PackedValue> patch =
      MakePatch({commit.session_id, write.name.type, write.name.id}, *base, write.value, key);
  if (!patch.has_value()) return false;
  Need(CommitForm::kWrites);
  set_kind_.AddInt2(patch->kind);
  set_value_.AddBytes(patch->bytes);
  set_base_.AddBytes(BaseMark(*base));
  return true;
}

void CommitParameters::AddWhole(const Commit& commit, const KeyWrite& write, const DataKey* key) {
  PackedValue stored = Stored({commit.session_id, write.name.type, write.name.id}, write.value, key);
  set_kind_.AddInt2(stored.kind);
  set_value_.AddBytes(stored.bytes);
  set_base_.AddNull();
  if (bases_ == nullptr || !MayBeBase(stored.kind, stored.bytes, PatchFrom(commit))) return;
  // Until it is known whether the new one is there.
  bases_->Forget(commit.session_id, write.name);
  new_bases_.push_back({members_ - 1, &write.name, std::move(stored.bytes)});
}

void CommitParameters::AddDeletes(const Commit& commit) {
  if (commit.deletes.empty()) return;
  std::vector<KeyName> kept;
  kept.reserve(commit.sets.size());
  for (const KeyWrite& write : commit.sets) kept.push_back(write.name);
  std::sort(kept.begin(), kept.end());
  std::vector<KeyName> deletes = commit.deletes;
  std::sort(deletes.begin(), deletes.end());
  deletes.erase(std::unique(deletes.begin(), deletes.end()), deletes.end());
  for (const KeyName& name : deletes) {
    if (std::binary_search(kept.begin(), kept.end(), name)) continue;
    Need(CommitForm::kWrites);
    delete_session_id_.AddBytes(commit.session_id);
    delete_type_.AddBytes(name.type);
    delete_id_.AddBytes(name.id);
  }
}

std::vector<std::string> CommitParameters::Encode(CommitForm form, std::int64_t not_after,
                                                  absl::Duration lock_timeout) && {
  std::vector<std::string> parameters;
  const auto add = [&parameters](std::initializer_list<PgArray*> arrays) {
    for (PgArray* const array : arrays) parameters.push_back(std::move(*array).Encode());
  };
  add({&session_id_, &expected_revision_, &commit_id_, &fence_, &number_});
  parameters.push_back(EncodePgInt8(not_after));
  parameters.push_back(EncodeLockTimeout(lock_timeout));
  add({&set_session_id_, &set_type_, &set_id_, &set_kind_, &set_value_});
  if (form == CommitForm::kSets) {
    add({&key_mark_});
    return parameters;
  }
  add({&delete_session_id_, &delete_type_, &delete_id_, &creds_kind_, &creds_value_, &action_, &clear_keys_});
  if (pack_values_) add({&set_base_, &key_mark_});
  if (pack_values_ && form == CommitForm::kAny) add({&new_key_});
  if (form == CommitForm::kAny) add({&revision_, &recent_ids_, &recent_revisions_});
  return parameters;
}

}  // namespace authstate::storage

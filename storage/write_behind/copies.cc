#include "storage/write_behind/copies.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/write_behind/stores.h"

namespace authstate::storage {
namespace {

constexpr std::size_t kCopiesAtOnce = 256;

// Whether a claim could use the copy.
bool IsCurrent(const LeaseResult& found, const Home& copy) {
  return found.lease.fence == copy.lease.fence && found.revision == copy.revision &&
         absl::ToUnixMicros(found.update_time) == absl::ToUnixMicros(copy.far_update_time);
}

}  // namespace

Copies::Copies(NearStore* near, HomeTable* table, const StepDeadline* steps, const WriteBehindOptions& options)
    : near_(*near),
      table_(*table),
      steps_(*steps),
      life_(options.copy_life),
      look_(options.look_at_copies),
      owner_prefix_(absl::StrCat(kHomeOwnerPrefix, near->id())),
      refusals_(options.log) {}

bool Copies::Look(Backend& far, absl::Time now) {
  if (now - looked_at_ < look_ || steps_.stopping()) return true;
  looked_at_ = now;
  auto read = AwaitCall<absl::StatusOr<std::vector<Home>>>(
      [&](auto done) { near_.ReadCopies(looked_up_to_, kCopiesAtOnce, steps_.Soon(), std::move(done)); });
  if (!read.ok()) {
    refusals_.Tell("", "the copies of sessions cannot be looked at", read.status());
    return true;
  }
  refusals_.Forget("");
  looked_up_to_ = read->size() < kCopiesAtOnce ? "" : read->back().session_id;
  for (const Home& copy : *read) {
    if (!copy.damaged) continue;
    const std::string session_id = absl::Utf8SafeCEscape(copy.session_id);
    refusals_.Tell(session_id, absl::StrCat("the copy of session ", session_id, " is not looked at"),
                   absl::DataLossError("what the file knows of it is damaged"));
  }
  read->erase(std::remove_if(read->begin(), read->end(), [](const Home& copy) { return copy.damaged; }), read->end());
  if (read->empty()) return true;
  std::vector<LeaseRequest> asked;
  for (const Home& copy : *read) asked.push_back(AskFor(copy.session_id));
  const auto found = AskLeases(far, std::move(asked), steps_.Soon());
  const bool of_use = TellsChangesByRevision(far);
  bool there = false;
  for (std::size_t i = 0; i < read->size(); ++i) {
    if (!found[i].ok()) continue;
    there = true;
    const Home& copy = (*read)[i];
    const bool is_old = now - copy.since >= life_;
    // What is written down of a claim is what it is given back by, should it be in doubt.
    const bool goes = copy.state == Home::State::kAway
                          ? is_old || !of_use || !IsCurrent(*found[i], copy)
                          : is_old && !absl::StartsWith(found[i]->lease.owner, owner_prefix_);
    if (goes) Drop(copy.session_id);
  }
  return there;
}

void Copies::Drop(const std::string& session_id) {
  if (!table_.BeginClaim(session_id)) return;
  // Else it goes the next time.
  (void)ChangeIn(near_, Step(HomeChange::Step::kForget, session_id), steps_.Soon());
  table_.EndClaim(session_id, /*at_home=*/false, Lease());
}

}  // namespace authstate::storage

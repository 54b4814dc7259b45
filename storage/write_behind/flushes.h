#ifndef AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHES_H_
#define AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHES_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/near/near_store.h"
#include "storage/write_behind/home_table.h"
#include "storage/write_behind/refusals.h"
#include "storage/write_behind/step_deadline.h"
#include "storage/write_behind/whereabouts.h"

namespace authstate::storage {

// Takes the far store after the near one: one commit of each session for all that changed since the last. Of one
// thread.
//
// A session that cannot be flushed for what it is, as it is refused or always takes too long, is put off: it is tried
// again later and later, and by itself, so that it holds up nobody else.
class Flushes {
 public:
  // All outlive it.
  Flushes(NearStore* near, HomeTable* table, Whereabouts* whereabouts, Refusals* refusals, const StepDeadline* steps)
      : near_(*near), table_(*table), whereabouts_(*whereabouts), refusals_(*refusals), steps_(*steps) {}

  // Some of what is dirty. Whether the far store was there.
  bool Flush(Backend& far);
  // Whether the last one left nothing that was dirty when it began, but what was put off.
  bool took_all() const { return took_all_; }

  bool IsPutOff(const std::string& session_id) const;
  // Those for which later is now are dirty again.
  void TryAgain(absl::Time now);

 private:
  struct PutOff {
    absl::Time until;
    absl::Duration pause;
    bool waits = true;
  };

  bool FlushAtOnce(Backend& far, const std::vector<std::string>& sessions);
  // What the far store makes of a flush; false: nothing is known of it.
  bool Understand(Backend& far, const UnflushedChanges& changes, const absl::StatusOr<Applied>& result);
  // Writes down what was flushed. Whether it could.
  bool Remember(const std::vector<const UnflushedChanges*>& flushed,
                const std::vector<absl::StatusOr<Applied>>& results);
  void Delay(const std::string& session_id, absl::Duration first_pause);

  NearStore& near_;
  HomeTable& table_;
  Whereabouts& whereabouts_;
  Refusals& refusals_;
  const StepDeadline& steps_;
  absl::BitGen random_;
  // How many sessions are flushed together: less where those before took too long.
  std::size_t together_ = kMostTogether;
  static constexpr std::size_t kMostTogether = 256;
  bool took_all_ = true;
  // By sessions, until they are flushed.
  std::map<std::string, PutOff> put_off_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_WRITE_BEHIND_FLUSHES_H_

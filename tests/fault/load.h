#ifndef AUTHSTATE_TESTS_FAULT_LOAD_H_
#define AUTHSTATE_TESTS_FAULT_LOAD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"

namespace authstate::test {

// Clients at work on a server while faults happen to it, and what they were told. Each session has one writer, which
// commits one numbered commit after the other, and one reader. Most writers never try again, so that each answer is the
// server's own; one has patience, and sends the same commit again until it is acknowledged.
//
// Commit n of a session sets the key pre-key/n, which no other commit touches, and puts n into session/current and into
// the creds. So what is stored tells which commits were applied, each at most once as the revision counts them, and
// whether the last was applied whole.
//
// Thread-safe, but for Check.
class Load {
 public:
  struct Options {
    std::string address;
    // How many sessions are written by clients that never try again; one more has a client with patience.
    int sessions = 4;
    // How long each attempt may take.
    absl::Duration deadline = absl::Seconds(1);
  };

  struct Tally {
    std::uint64_t acknowledged = 0;
    std::uint64_t not_applied = 0;
    // In doubt, and of these: how many were applied. Known after Check.
    std::uint64_t unknown = 0;
    std::uint64_t unknown_applied = 0;
    std::uint64_t reads = 0;
    std::uint64_t failed_reads = 0;
    // Between two commits of a session without patience that were acknowledged one after the other.
    absl::Duration longest_gap;
    // Failed calls that the server did not answer before the client gave up waiting.
    std::uint64_t unanswered = 0;
    // By how much the slowest call outlasted its deadline; negative when none did.
    absl::Duration longest_overrun = -absl::InfiniteDuration();
    // The codes of all failed calls.
    std::set<absl::StatusCode> codes;
  };

  // Starts at once.
  explicit Load(Options options);
  // Stops.
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Waits until every writer has had `commits` more acknowledged; or failed, of those without patience. Fails the test
  // after two minutes.
  void AwaitAcknowledged(std::uint64_t commits);
  void AwaitFailed(std::uint64_t commits);

  // Waits for the calls under way. Nothing is sent from then on.
  void Stop();

  // After Stop, with a service that is well: fails the test when an acknowledged commit is not there, one that was
  // answered as not applied is, any was applied twice, or the last is there in part.
  void Check();

  Tally tally() const;

 private:
  struct Session {
    std::string id;
    bool patient = false;
    std::uint64_t failed = 0;
    std::uint64_t last_revision = 0;
    absl::Time last_acknowledgement;
    std::set<std::uint64_t> acknowledged;
    std::set<std::uint64_t> not_applied;
    std::set<std::uint64_t> unknown;
  };

  void Write(Session& session);
  void Read(Session& session);
  bool Stopping() const;
  void Note(Session& session, std::uint64_t number, const absl::StatusOr<std::uint64_t>& revision, absl::Time began,
            bool again);
  void NoteRead(const std::string& session_id, std::uint64_t number, const absl::StatusOr<client::Keys>& keys,
                absl::Time began);
  void HoldBack(const absl::Status& status);
  void NoteFailure(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteOverrun(absl::Time began) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CheckSession(const Session& session);
  // Waits until `count` of every session has grown by `more`; of those without patience, or of all.
  template <typename Count>
  void AwaitEach(std::uint64_t more, Count count, bool patient_too, const char* what);

  const Options options_;
  client::Client client_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Tally tally_ ABSL_GUARDED_BY(mutex_);
  // The sessions themselves are guarded by the mutex too; their number never changes.
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<std::thread> threads_;
};

// For reports: `412 acknowledged, 3 not applied, 2 unknown (1 applied), …`.
std::string Describe(const Load::Tally& tally);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LOAD_H_

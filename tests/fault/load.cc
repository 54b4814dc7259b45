#include "tests/fault/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cpp/error.h"

namespace authstate::test {
namespace {

using client::KeyEntry;
using client::KeyName;

constexpr absl::Duration kPatience = absl::Minutes(2);
constexpr absl::Duration kLongestHoldBack = absl::Milliseconds(20);
constexpr char kOwnType[] = "pre-key";

client::ClientOptions Once(const Load::Options& options) {
  client::ClientOptions client;
  client.address = options.address;
  client.deadline = options.deadline;
  client.patience = absl::ZeroDuration();
  return client;
}

KeyName OwnKey(std::uint64_t number) { return {kOwnType, absl::StrCat(number)}; }
KeyName SharedKey() { return {"session", "current"}; }
Value Number(std::uint64_t number) { return {ValueKind::kRaw, absl::StrCat(number)}; }
Value Creds(std::uint64_t number) { return {ValueKind::kJson, absl::StrCat("{\"number\":", number, "}")}; }

client::CommitRequest NumberedCommit(const std::string& session_id, std::uint64_t number) {
  client::CommitRequest commit;
  commit.session_id = session_id;
  commit.creds = Creds(number);
  commit.sets = {{OwnKey(number), Number(number)}, {SharedKey(), Number(number)}};
  return commit;
}

std::string Shown(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(1)));
}

// What is stored of one session.
struct Stored {
  std::uint64_t revision = 0;
  std::optional<Value> creds;
  std::optional<Value> shared;
  std::set<std::uint64_t> applied;
};

absl::StatusOr<Stored> LoadStored(const std::string& address, const std::string& session_id) {
  client::ClientOptions options;
  options.address = address;
  client::Client client(options);
  Stored stored;
  const absl::Status loaded = client.LoadSession(session_id, 0, [&](const client::SessionPage& page) {
    stored.revision = page.revision;
    if (page.creds.has_value()) stored.creds = page.creds;
    for (const KeyEntry& entry : page.keys) {
      std::uint64_t number = 0;
      if (entry.name == SharedKey()) {
        stored.shared = entry.value;
      } else if (absl::SimpleAtoi(entry.name.id, &number) && entry.value == Number(number)) {
        stored.applied.insert(number);
      } else {
        return absl::DataLossError(absl::StrCat("key ", entry.name.id, " holds what nobody wrote"));
      }
    }
    return absl::OkStatus();
  });
  // A session none of whose commits came through was never made.
  if (!loaded.ok() && !absl::IsNotFound(loaded)) return loaded;
  return stored;
}

}  // namespace

Load::Load(Options options) : options_(std::move(options)), client_(Once(options_)) {
  for (int i = 0; i <= options_.sessions; ++i) {
    auto session = std::make_unique<Session>();
    session->id = absl::StrCat("load-", i);
    session->patient = i == options_.sessions;
    session->last_acknowledgement = absl::Now();
    sessions_.push_back(std::move(session));
  }
  for (const auto& session : sessions_) {
    threads_.emplace_back([this, &session = *session] { Write(session); });
    threads_.emplace_back([this, &session = *session] { Read(session); });
  }
}

Load::~Load() { Stop(); }

void Load::Stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Load::Stopping() const {
  const absl::MutexLock lock(&mutex_);
  return stopping_;
}

void Load::Write(Session& session) {
  for (std::uint64_t number = 1; !Stopping(); ++number) {
    client::CommitRequest commit = NumberedCommit(session.id, number);
    // The same for all attempts.
    commit.commit_id = number;
    const absl::Time first_began = absl::Now();
    bool again = false;
    do {
      const absl::Time began = absl::Now();
      const auto revision = client_.Commit(commit);
      again = session.patient && !revision.ok() && began - first_began < kPatience;
      Note(session, number, revision, began, again);
      if (!revision.ok()) HoldBack(revision.status());
    } while (again);
  }
}

// As long as the server asks for, but not so long that it would hide how soon the service was back.
void Load::HoldBack(const absl::Status& status) {
  const absl::Duration wait = client::RetryDelayOf(status).value_or(absl::ZeroDuration());
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopping_), std::min(wait, kLongestHoldBack));
}

void Load::Note(Session& session, std::uint64_t number, const absl::StatusOr<std::uint64_t>& revision, absl::Time began,
                bool again) {
  const absl::MutexLock lock(&mutex_);
  NoteOverrun(began);
  if (revision.ok()) {
    EXPECT_GT(*revision, session.last_revision) << session.id;
    session.last_revision = *revision;
    session.acknowledged.insert(number);
    ++tally_.acknowledged;
    if (!session.patient) {
      tally_.longest_gap = std::max(tally_.longest_gap, absl::Now() - session.last_acknowledgement);
    }
    session.last_acknowledgement = absl::Now();
    return;
  }
  NoteFailure(revision.status());
  if (again) return;
  EXPECT_FALSE(session.patient) << session.id << " was never acknowledged: " << revision.status();
  ++session.failed;
  const bool not_applied = client::OutcomeOf(revision.status()) == client::Outcome::kNotApplied;
  ++(not_applied ? tally_.not_applied : tally_.unknown);
  (not_applied ? session.not_applied : session.unknown).insert(number);
}

// Absence is only ever answered for what is absent: an acknowledged key is found, or the call fails.
void Load::Read(Session& session) {
  while (!Stopping()) {
    std::uint64_t newest = 0;
    {
      const absl::MutexLock lock(&mutex_);
      const auto acknowledged = [&session] { return !session.acknowledged.empty(); };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&acknowledged), options_.deadline)) continue;
      newest = *session.acknowledged.rbegin();
    }
    const absl::Time began = absl::Now();
    const auto keys = client_.GetKeys(session.id, {OwnKey(newest), OwnKey(0)});
    NoteRead(session.id, newest, keys, began);
    if (!keys.ok()) HoldBack(keys.status());
  }
}

void Load::NoteRead(const std::string& session_id, std::uint64_t number, const absl::StatusOr<client::Keys>& keys,
                    absl::Time began) {
  const absl::MutexLock lock(&mutex_);
  NoteOverrun(began);
  ++tally_.reads;
  if (!keys.ok()) {
    ++tally_.failed_reads;
    NoteFailure(keys.status());
    return;
  }
  EXPECT_EQ(keys->found, (std::vector<KeyEntry>{{OwnKey(number), Number(number)}})) << session_id;
  EXPECT_EQ(keys->absent, std::vector<KeyName>{OwnKey(0)}) << session_id;
}

void Load::NoteOverrun(absl::Time began) {
  tally_.longest_overrun = std::max(tally_.longest_overrun, absl::Now() - began - options_.deadline);
}

void Load::NoteFailure(const absl::Status& status) { tally_.codes.insert(status.code()); }

template <typename Count>
void Load::AwaitEach(std::uint64_t more, Count count, bool patient_too, const char* what) {
  const absl::MutexLock lock(&mutex_);
  std::vector<std::pair<const Session*, std::uint64_t>> goals;
  for (const auto& session : sessions_) {
    if (patient_too || !session->patient) goals.emplace_back(session.get(), count(*session) + more);
  }
  const auto reached = [&] {
    return std::all_of(goals.begin(), goals.end(), [&](const auto& goal) { return count(*goal.first) >= goal.second; });
  };
  EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&reached), kPatience))
      << "not every writer has had " << more << " more commits " << what << ": " << Describe(tally_);
}

void Load::AwaitAcknowledged(std::uint64_t commits) {
  const auto acknowledged = [](const Session& session) { return session.acknowledged.size(); };
  AwaitEach(commits, acknowledged, /*patient_too=*/true, "acknowledged");
}

void Load::AwaitFailed(std::uint64_t commits) {
  const auto failed = [](const Session& session) { return session.failed; };
  AwaitEach(commits, failed, /*patient_too=*/false, "failed");
}

void Load::Check() {
  for (const auto& session : sessions_) CheckSession(*session);
}

void Load::CheckSession(const Session& session) {
  const auto stored = LoadStored(options_.address, session.id);
  ASSERT_TRUE(stored.ok()) << session.id << ": " << stored.status();
  for (const std::uint64_t number : session.acknowledged) {
    EXPECT_TRUE(stored->applied.count(number) != 0) << session.id << ": acknowledged commit " << number << " is lost";
  }
  for (const std::uint64_t number : session.not_applied) {
    EXPECT_TRUE(stored->applied.count(number) == 0)
        << session.id << ": commit " << number << " was answered as not applied, and is there";
  }
  EXPECT_EQ(stored->revision, stored->applied.size()) << session.id << ": a commit was applied twice";
  if (stored->applied.empty()) return;

  // The last to be applied is the last of the acknowledged ones, or one in doubt.
  ASSERT_TRUE(stored->shared.has_value()) << session.id;
  std::uint64_t current = 0;
  ASSERT_TRUE(absl::SimpleAtoi(stored->shared->bytes, &current)) << session.id;
  EXPECT_EQ(stored->creds, std::optional<Value>(Creds(current))) << session.id << ": a commit was applied in part";
  const bool last = !session.acknowledged.empty() && current == *session.acknowledged.rbegin();
  EXPECT_TRUE(last || session.unknown.count(current) != 0) << session.id << ": commit " << current << " came last";

  const absl::MutexLock lock(&mutex_);
  for (const std::uint64_t number : session.unknown) tally_.unknown_applied += stored->applied.count(number);
}

Load::Tally Load::tally() const {
  const absl::MutexLock lock(&mutex_);
  return tally_;
}

std::string Describe(const Load::Tally& tally) {
  std::vector<std::string> codes;
  for (const absl::StatusCode code : tally.codes) codes.push_back(absl::StatusCodeToString(code));
  return absl::StrCat(tally.acknowledged, " acknowledged, ", tally.not_applied, " not applied, ", tally.unknown,
                      " unknown (", tally.unknown_applied, " of them applied), ", tally.reads, " reads (",
                      tally.failed_reads, " failed), longest gap ", Shown(tally.longest_gap), ", slowest call ",
                      Shown(tally.longest_overrun), " past its deadline, ", tally.unanswered,
                      " ended by the client alone",
                      codes.empty() ? "" : absl::StrCat(", failures ", absl::StrJoin(codes, " ")));
}

}  // namespace authstate::test

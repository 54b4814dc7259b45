#include "migrations/cutover/gates.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace authstate::cutover {
namespace {

// A time may be this far ahead of now, as the clocks of machines differ.
constexpr absl::Duration kClockSkew = absl::Minutes(1);
// A reason names so many of what it found, and counts the others.
constexpr std::size_t kMostNamed = 5;

std::string Text(absl::Duration duration) {
  return absl::FormatDuration(
      absl::Trunc(duration, duration < absl::Minutes(1) ? absl::Milliseconds(1) : absl::Seconds(1)));
}

Gate Answered(std::string name, Answer answer, std::string reason, std::string remedy) {
  return {std::move(name), answer, std::move(reason), answer == Answer::kYes ? "" : std::move(remedy)};
}

Gate NotRead(std::string name, const absl::Status& status, std::string remedy) {
  return Answered(std::move(name), absl::IsNotFound(status) ? Answer::kNo : Answer::kUnknown,
                  std::string(status.message()), std::move(remedy));
}

// Whether something that was at `time` is young enough. What is yet to come says that a clock is wrong.
Gate ByAge(std::string name, absl::string_view what, absl::Time time, absl::Duration at_most, absl::Time now,
           std::string remedy) {
  if (time > now + kClockSkew) {
    return Answered(std::move(name), Answer::kUnknown,
                    absl::StrCat(what, " ", Text(time - now), " from now: a clock is wrong"), std::move(remedy));
  }
  const absl::Duration age = std::max(now - time, absl::ZeroDuration());
  const bool young = age <= at_most;
  return Answered(
      std::move(name), young ? Answer::kYes : Answer::kNo,
      absl::StrCat(what, " ", Text(age), " ago", young ? "" : absl::StrCat(", and not within ", Text(at_most))),
      std::move(remedy));
}

template <typename T>
std::string Named(const std::vector<T>& all, std::string (*name)(const T&)) {
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kMostNamed));
  const std::string named =
      absl::StrJoin(all.begin(), end, "; ", [name](std::string* out, const T& one) { out->append(name(one)); });
  return absl::StrCat(named, all.size() > kMostNamed ? absl::StrCat("; and ", all.size() - kMostNamed, " more") : "");
}

std::string Described(const ClientSessions& sessions) {
  return absl::StrCat(sessions.database, ": ", sessions.count, " of ", sessions.role, "/", sessions.application,
                      sessions.address.empty() ? "" : absl::StrCat(" from ", sessions.address));
}

bool MayBeThere(const ClientSessions& sessions, const std::vector<MayConnect>& allowed) {
  return std::any_of(allowed.begin(), allowed.end(), [&sessions](const MayConnect& one) {
    return one.role == sessions.role && one.application.value_or(sessions.application) == sessions.application;
  });
}

}  // namespace

std::string NameOf(Answer answer) {
  switch (answer) {
    case Answer::kYes:
      return "yes";
    case Answer::kNo:
      return "no";
    case Answer::kUnknown:
      break;
  }
  return "unknown";
}

Gate BackupFresh(const absl::StatusOr<NewestBackup>& backup, absl::Duration at_most, absl::Time now,
                 std::string remedy) {
  const char* const name = "backup-fresh";
  if (!backup.ok()) return NotRead(name, backup.status(), std::move(remedy));
  if (backup->of_another_store) {
    return Answered(name, Answer::kNo, absl::StrCat(backup->path, " is of another store than the server's"),
                    std::move(remedy));
  }
  return ByAge(name, absl::StrCat(backup->path, " was begun"), backup->begun, at_most, now, std::move(remedy));
}

Gate BackupDrilled(const absl::StatusOr<Drill>& drill, absl::Duration at_most, absl::Time now, std::string remedy) {
  const char* const name = "backup-drilled";
  if (!drill.ok()) return NotRead(name, drill.status(), std::move(remedy));
  Gate done = ByAge(name, "a backup was restored for a trial", drill->done, at_most, now, remedy);
  if (done.answer != Answer::kYes) return done;
  Gate begun = ByAge(name, "the one that was restored for a trial had been begun", drill->backup_begun, at_most, now,
                     std::move(remedy));
  return begun.answer == Answer::kYes ? done : begun;
}

Gate PlanClean(const absl::StatusOr<std::vector<tables::Finding>>& blocking, std::string remedy) {
  const char* const name = "plan-clean";
  if (!blocking.ok()) return NotRead(name, blocking.status(), std::move(remedy));
  if (blocking->empty()) return Answered(name, Answer::kYes, "nothing is in the way of the tables", "");
  return Answered(name, Answer::kNo,
                  absl::StrCat("in the way of the tables: ",
                               Named<tables::Finding>(*blocking, [](const tables::Finding& one) { return one.id; })),
                  std::move(remedy));
}

Gate Verified(const absl::StatusOr<std::vector<std::string>>& reasons, std::string remedy) {
  const char* const name = "verified";
  if (!reasons.ok()) return NotRead(name, reasons.status(), std::move(remedy));
  if (reasons->empty()) return Answered(name, Answer::kYes, "all tables were found equal, and the report counts", "");
  return Answered(name, Answer::kNo, absl::StrCat("the report does not count: ", absl::StrJoin(*reasons, "; ")),
                  std::move(remedy));
}

Gate BackendEqual(const absl::StatusOr<FollowedCopy>& copy, const std::string& from, absl::Duration max_lag,
                  absl::Time now, std::string remedy) {
  const char* const name = "backend-equal";
  if (!copy.ok()) return NotRead(name, copy.status(), std::move(remedy));
  const auto no = [&](std::string reason) { return Answered(name, Answer::kNo, std::move(reason), std::move(remedy)); };
  if (copy->serves != from) return no(absl::StrCat(copy->serves, " serves the auth state, and not ", from));
  if (!copy->followed) return no("the target is not kept equal");
  if (!copy->error.empty()) return no(absl::StrCat("the target cannot be kept equal: ", copy->error));
  if (copy->differing_sessions > 0) {
    return no(absl::StrCat("sessions that differ in the target: ", copy->differing_sessions));
  }
  if (!copy->equal_at.has_value()) {
    return Answered(name, Answer::kUnknown, "the target has not caught up yet", std::move(remedy));
  }
  return ByAge(name, "the target has all that was written", *copy->equal_at, max_lag, now, std::move(remedy));
}

Gate NobodyElse(const absl::StatusOr<std::vector<ClientSessions>>& sessions, const std::vector<MayConnect>& allowed,
                std::string remedy) {
  const char* const name = "nobody-else";
  if (!sessions.ok()) return NotRead(name, sessions.status(), std::move(remedy));
  std::vector<ClientSessions> others;
  std::copy_if(sessions->begin(), sessions->end(), std::back_inserter(others),
               [&allowed](const ClientSessions& one) { return !MayBeThere(one, allowed); });
  if (others.empty()) return Answered(name, Answer::kYes, "nobody is connected who may not be", "");
  return Answered(name, Answer::kNo, absl::StrCat("connected: ", Named<ClientSessions>(others, Described)),
                  std::move(remedy));
}

Gate WayBack(const absl::StatusOr<RehearsalRecord>& record, const absl::StatusOr<WayBackTerms>& terms, absl::Time now,
             std::string remedy) {
  const char* const name = "way-back";
  if (!record.ok()) return NotRead(name, record.status(), std::move(remedy));
  if (!terms.ok()) return Answered(name, Answer::kUnknown, std::string(terms.status().message()), std::move(remedy));
  const auto no = [&](std::string reason) { return Answered(name, Answer::kNo, std::move(reason), std::move(remedy)); };
  if (record->outcome != Outcome::kDone) {
    return no(absl::StrCat("the last rehearsal ", record->outcome == Outcome::kFailed ? "failed" : "was interrupted",
                           record->failed_step.empty() ? "" : absl::StrCat(", at ", record->failed_step)));
  }
  if (record->from != terms->from || record->to != terms->to) {
    return no(absl::StrCat("the last rehearsal was from ", record->from, " to ", record->to));
  }
  if (record->steps_digest != terms->steps_digest) return no("the steps have changed since the last rehearsal");
  Gate age = ByAge(name, "the last rehearsal ended", record->ended, terms->max_age, now, remedy);
  if (age.answer != Answer::kYes) return age;
  if (!record->way_back.has_value()) {
    return Answered(name, Answer::kUnknown, "the last rehearsal does not say how long its way back took",
                    std::move(remedy));
  }
  if (*record->way_back > terms->at_most) {
    return no(absl::StrCat("the way back took ", Text(*record->way_back), ", and may take ", Text(terms->at_most)));
  }
  age.reason = absl::StrCat("the way back took ", Text(*record->way_back), "; ", age.reason);
  return age;
}

}  // namespace authstate::cutover

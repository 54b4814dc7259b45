#ifndef AUTHSTATE_MIGRATIONS_DECOMMISSION_QUIETNESS_H_
#define AUTHSTATE_MIGRATIONS_DECOMMISSION_QUIETNESS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "migrations/decommission/sample.h"

// Whether samples show that nobody asked a database for long enough, and else who did. Pure and thread-safe.
//
// Two things decide: what tables were asked, which PostgreSQL counts for every session however short, and which clients
// were connected when a sample was taken. What pg_stat_database counts does not decide: poolers, the host's own
// programs and our sessions raise it too.
namespace authstate::decommission {

struct Terms {
  // How long it has to be quiet.
  absl::Duration needed = absl::Hours(24 * 7);
  // Two samples further apart say nothing of the time between them.
  absl::Duration max_gap = absl::Minutes(5);
  // `ROLE` or `ROLE/APPLICATION`: clients that do not count for being connected, but for tables that were asked
  // while they were.
  std::vector<std::string> may_connect;
  // Tables of these do not count.
  std::vector<std::string> ignored_schemas;
};

// What a table was asked between two samples.
struct AskedTable {
  // `public.clients`.
  std::string name;
  // Scans of the table and of its indexes.
  std::int64_t reads = 0;
  std::int64_t inserted = 0;
  std::int64_t updated = 0;
  std::int64_t deleted = 0;
  // `made`, `dropped`, or `rewritten`, as by TRUNCATE; else empty.
  std::string change;
};

struct Client {
  Clients sessions;
  // Whether one of them did something since the sample before. Else it was connected, and no more.
  bool active = false;
};

// A time in which somebody asked: neighbouring intervals with the same tables and clients are one.
struct Asked {
  // The sample before it; the first sample itself, where somebody was connected then.
  absl::Time after;
  absl::Time until;
  std::vector<AskedTable> tables;
  // Seen at the samples that end it. None with tables: who asked came and went between two samples.
  std::vector<Client> clients;
};

enum class WhyAnew : std::uint8_t {
  kFirstSample,
  kGap,
  // Statistics were reset by somebody, or lost with a crash of the server.
  kReset,
  kLost,
  kOtherDatabase,
  // No sample since, up to now.
  kSilence,
};

// `first_sample`, `gap`, `reset`, `lost`, `other_database`, `silence`.
absl::string_view NameOf(WhyAnew why);

// Why the time before says nothing.
struct BegunAnew {
  absl::Time at;
  WhyAnew why = WhyAnew::kFirstSample;
  // For people: `no sample since 2026-11-30T…`.
  std::string what;
};

enum class Verdict : std::uint8_t {
  kQuiet,
  // Somebody asked within the time that is needed.
  kAsked,
  // Nobody was seen, and not all of that time was looked at. No success.
  kUnknown,
};

// `quiet`, `asked`, `unknown`.
absl::string_view NameOf(Verdict verdict);

struct Quietness {
  Verdict verdict = Verdict::kUnknown;
  std::size_t samples = 0;
  // When the last sample was taken, and since when all of them are quiet; nullopt: there is none.
  std::optional<absl::Time> last;
  std::optional<absl::Time> since;
  std::vector<Asked> asked;
  std::vector<BegunAnew> begun_anew;
  // Sessions that were made since then and are not those of the samples. They asked no table; through a pooler, or of a
  // host with programs of its own, there are always some.
  std::int64_t sessions_since = 0;
  // The roles of all clients in `asked`.
  std::set<std::string> roles;
};

// `samples` by time.
Quietness Judge(const std::vector<Sample>& samples, const Terms& terms, absl::Time now);

}  // namespace authstate::decommission

#endif  // AUTHSTATE_MIGRATIONS_DECOMMISSION_QUIETNESS_H_

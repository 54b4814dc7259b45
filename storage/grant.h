#ifndef AUTHSTATE_STORAGE_GRANT_H_
#define AUTHSTATE_STORAGE_GRANT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Who may do what with which sessions, and when nobody may write. Plain data, which a store keeps beside the sessions:
// whoever serves from that store goes by it.
namespace authstate::storage {

// What somebody may do with the sessions of a grant. None of them includes another.
enum class Right : std::uint8_t {
  // See the session, in lists too, and read its creds and keys.
  kRead = 1,
  // Change or delete the session; acquire, renew and release its lease.
  kWrite = 2,
  // Take the lease from an owner that is alive.
  kSteal = 4,
  // What AdminService does; of no session, so the sessions of the grant do not matter.
  kAdmin = 8,
};

// A set of rights, as a sum of the above.
using Rights = std::uint8_t;
inline constexpr Rights kAllRights = 15;
inline bool Has(Rights rights, Right right) { return (rights & static_cast<Rights>(right)) != 0; }

// The session of that id, or all whose id starts with it; an empty prefix is every session.
struct SessionScope {
  std::string id;
  bool prefix = false;

  bool Covers(absl::string_view session_id) const {
    return prefix ? absl::StartsWith(session_id, id) : session_id == id;
  }
};

// Rights of one who shows a secret, or a client certificate.
struct Grant {
  // By which people name it: 16 characters of `a-z2-7`, random. Tells nothing of the secret.
  std::string id;
  // For people; up to 200 bytes.
  std::string label;
  // The subject alternative name of the certificate that has these rights, as `DNS:pool.example` or
  // `URI:spiffe://example/pool`; empty for a token.
  std::string certificate_name;
  // 32 random bytes, and the keyed BLAKE2b of a token's secret under them, 32 bytes; empty for a certificate.
  std::string hash_key;
  std::string hash;
  Rights rights = 0;
  std::vector<SessionScope> scopes;
  // By the clock of the database, all of them. The last use is known to the minute or so.
  absl::Time create_time;
  std::optional<absl::Time> expire_time;
  std::optional<absl::Time> revoke_time;
  std::optional<absl::Time> last_use_time;
};

// Whether it gives its rights at `now`, by the clock of the database: it was not revoked, and has not expired.
inline bool InForce(const Grant& grant, absl::Time now) {
  return !grant.revoke_time.has_value() && (!grant.expire_time.has_value() || *grant.expire_time > now);
}

// While there is one, no server of the store writes to it, but to sessions that are allowed, and what an operator asks
// for by name: to begin and end it, and to revoke a grant.
struct Maintenance {
  // For people, callers among them; 1 to 200 bytes.
  std::string reason;
  // For how long a write waits for the end before it is refused; from zero to an hour.
  absl::Duration hold;
  std::vector<SessionScope> allowed;
  // By the clock of the database.
  absl::Time since;

  bool Allows(absl::string_view session_id) const {
    for (const SessionScope& scope : allowed) {
      if (scope.Covers(session_id)) return true;
    }
    return false;
  }
};

struct GrantRequest {
  enum class Action : std::uint8_t {
    // All grants, those that have ended among them; or none where `known_version` is still the version. DataLoss when
    // one of them is damaged: what is left might be taken for all.
    kList,
    // Keeps `grant`. AlreadyExists when another has its id; the same one, as after an answer that was lost, is left as
    // it is. Its times but for `time_to_live` are the database's.
    kCreate,
    // Gives the token of `grant.id` the hash of `grant`; what it was before is refused from then on. NotFound when no
    // grant has the id, FailedPrecondition when it is of a certificate or has ended.
    kRotate,
    // Ends the grant of `grant.id`; nothing happens when it has been revoked before. NotFound as above. A grant is
    // never deleted: where there was one, callers have to show one.
    kRevoke,
    // Notes `uses`, each the id of a grant and how long ago it was used; one that is not there is passed over.
    kNoteUses,
    // Tells the maintenance that there is, if any, past every cache.
    kGetMaintenance,
    // Lets `maintenance` be what there is from now on. One that there was before goes on since when it began.
    kBeginMaintenance,
    // Lets there be none. Leases that were live when it began live on (LeftAfterMaintenance, storage/lease.h), but for
    // those of sessions that `maintenance` allows: theirs were renewed.
    kEndMaintenance,
  };

  Action action = Action::kList;
  // 0: none is known.
  std::uint64_t known_version = 0;
  Grant grant;
  // How long a new grant, or a token that is rotated (which else keeps its end), lives from now on.
  std::optional<absl::Duration> time_to_live;
  std::vector<std::pair<std::string, absl::Duration>> uses;
  Maintenance maintenance;
};

struct GrantResult {
  // Grows with every change but uses, by no fixed step: two stores, or one and its backup that was put back, do not
  // come to the same version with other grants. At least 1 once there was a grant, 0 before.
  std::uint64_t version = 0;
  // The clock of the database.
  absl::Time now;
  // For kList: by id; nullopt where the version is known. For kCreate, kRotate and kRevoke: that grant as it is now.
  std::optional<std::vector<Grant>> grants;
  // For kGetMaintenance, kBeginMaintenance and kEndMaintenance, as it is afterwards; nullopt: there is none.
  std::optional<Maintenance> maintenance;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_GRANT_H_

#ifndef AUTHSTATE_STORAGE_NEAR_FAR_HOMES_H_
#define AUTHSTATE_STORAGE_NEAR_FAR_HOMES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/backend.h"

// The sessions that are at home in near stores, as the far store of these has them: what operators see of them, and
// what is done where a near store is lost. Nothing here asks a near store, which may be gone.
namespace authstate::storage {

// Reason of the error of who would abandon what is at home in the file of the server that is asked.
inline constexpr absl::string_view kHomeServed = "HOME_SERVED";

// A near store, as the owner of a lease of the far store: `home:ID@ADDRESS`, or `home:ID` where it advertises nothing.
struct HomeOwner {
  std::string store_id;
  // Where its server is to be reached; may be empty.
  std::string address;
};
// nullopt: that is a client, or nobody.
std::optional<HomeOwner> ParseHomeOwner(absl::string_view owner);

struct FarHome {
  std::string session_id;
  HomeOwner owner;
  // What the last flush has taken the far store to, or what the session was at when it came home.
  std::uint64_t revision = 0;
  // When the far store was last written to for it, by its clock; nullopt: never.
  std::optional<absl::Time> write_time;
};

// The sessions at home in the near store of that id, or in any where it is empty, whose id is greater than `after`: the
// first `limit` by id. Fewer mean that none follows. Fails as Backend::List.
void ListFarHomes(Backend& far, const std::string& store_id, std::string after, std::size_t limit, absl::Time deadline,
                  absl::AnyInvocable<void(absl::StatusOr<std::vector<FarHome>>) &&> done);

struct AbandonedHome {
  // False: the session was not at home there (any more), and nothing was changed.
  bool abandoned = false;
  // What was flushed last, from which it goes on: its next revision is ahead of all that the home may have given. Where
  // it was not abandoned, that of the session.
  std::uint64_t revision = 0;
  // Whose it is now; empty: nobody's.
  std::string owner;
};

// Makes a session nobody's that is at home in the near store of that id; one that is not stays as it is. The fence goes
// to one more than that of the home, and the revision leaps, so that both are above all that the home may have given
// (storage/lease.h): should it be alive after all, its next flush is told so as by a thief, and it puts aside what it
// has not flushed. Safe to repeat. Fails as Backend::Leases. `far` outlives the answer.
void AbandonHome(Backend& far, std::string session_id, std::string store_id, absl::Time deadline,
                 absl::AnyInvocable<void(absl::StatusOr<AbandonedHome>) &&> done);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_NEAR_FAR_HOMES_H_

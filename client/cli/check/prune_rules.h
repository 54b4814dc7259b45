#ifndef AUTHSTATE_CLIENT_CLI_CHECK_PRUNE_RULES_H_
#define AUTHSTATE_CLIENT_CLI_CHECK_PRUNE_RULES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "contract/value.h"

// Which keys may be deleted as Baileys makes or fetches them anew. The reasons and their sources are docs/pruning.md.
namespace authstate::cli {

// The types that are pruned unless others are named: at any age.
std::vector<std::string> PrunedByDefault();

// Whether keys of this type may be pruned; `by_age`: only those that have not changed for a while. InvalidArgument with
// what a deletion would do.
absl::Status CheckPrunable(absl::string_view type, bool by_age);

// When a record of `session` was used last, as each session in it tells (indexInfo: `used`, which moves on decryption
// only, and `created`). nullopt: it is no such record, or one in it does not tell. InfinitePast: there is none in it.
// Pure.
std::optional<absl::Time> LastUseOf(const Value& record);

// The group of a sender key, whose `sender-key-memory` has to go with it: where the key is one's own, the one that is
// made anew has to be sent to all. `id` is `<group>::<user>::<device>`.
std::string GroupOf(absl::string_view sender_key_id);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_CHECK_PRUNE_RULES_H_

#include "client/cli/check/prune_rules.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "contract/json_members.h"

namespace authstate::cli {
namespace {

enum class When : std::uint8_t { kAlways, kIdle, kNever };

struct Rule {
  absl::string_view type;
  When when;
  // What a deletion does.
  absl::string_view effect;
};

constexpr Rule kRules[] = {
    {"app-state-sync-key", When::kNever, "WhatsApp sends it once, and its collections stand still without it"},
    {"app-state-sync-version", When::kNever, "all of its collection comes again, as new events"},
    {"device-list", When::kAlways, ""},
    {"identity-key", When::kNever, "whoever comes next is trusted anew"},
    {"lid-mapping", When::kNever, "a phone number cannot be found by its LID again"},
    {"pre-key", When::kNever, "a contact that was given it cannot begin a session"},
    {"sender-key", When::kIdle, "the next messages of a live group have to be asked for again"},
    {"sender-key-memory", When::kAlways, ""},
    {"session", When::kIdle, "the next message of a live contact has to be asked for again"},
    {"tctoken", When::kNever, "messages may be refused (463); Baileys drops those that expired by itself"},
};

std::optional<std::int64_t> MillisecondsAt(absl::string_view session, absl::string_view name) {
  const std::optional<absl::string_view> field = FindMember(session, {"indexInfo", name});
  std::int64_t milliseconds = 0;
  if (!field.has_value() || !absl::SimpleAtoi(*field, &milliseconds)) return std::nullopt;
  return milliseconds;
}

}  // namespace

std::vector<std::string> PrunedByDefault() {
  std::vector<std::string> types;
  for (const Rule& rule : kRules) {
    if (rule.when == When::kAlways) types.emplace_back(rule.type);
  }
  return types;
}

absl::Status CheckPrunable(absl::string_view type, bool by_age) {
  const auto* const rule =
      std::find_if(std::begin(kRules), std::end(kRules), [type](const Rule& known) { return known.type == type; });
  if (rule == std::end(kRules)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--type ", type, ": not a type of which it is known what a deletion does"));
  }
  if (rule->when == When::kNever) {
    return absl::InvalidArgumentError(absl::StrCat("--type ", type, ": never pruned, as ", rule->effect));
  }
  if (rule->when == When::kIdle && !by_age) {
    return absl::InvalidArgumentError(absl::StrCat("--type ", type, " needs --older-than: without it, ", rule->effect));
  }
  return absl::OkStatus();
}

std::optional<absl::Time> LastUseOf(const Value& record) {
  const std::optional<absl::string_view> sessions =
      record.kind == ValueKind::kJson ? FindMember(record.bytes, {"_sessions"}) : std::nullopt;
  if (!sessions.has_value() || sessions->front() != '{') return std::nullopt;
  absl::Time last = absl::InfinitePast();
  for (const JsonMember& session : MembersOf(*sessions)) {
    const std::optional<std::int64_t> used = MillisecondsAt(session.value, "used");
    const std::optional<std::int64_t> created = MillisecondsAt(session.value, "created");
    if (!used.has_value() || !created.has_value()) return std::nullopt;
    last = std::max(last, absl::FromUnixMillis(std::max(*used, *created)));
  }
  return last;
}

std::string GroupOf(absl::string_view sender_key_id) {
  return std::string(sender_key_id.substr(0, sender_key_id.find("::")));
}

}  // namespace authstate::cli

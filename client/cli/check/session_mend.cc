#include "client/cli/check/session_mend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/byte_fields.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/terminal/text.h"
#include "contract/json_members.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kNext = "nextPreKeyId";
constexpr absl::string_view kUnuploaded = "firstUnuploadedPreKeyId";

// nullopt: it is not there, or no count.
std::optional<std::uint64_t> CountAt(absl::string_view creds, absl::string_view name) {
  const std::optional<absl::string_view> field = FindMember(creds, {name});
  std::uint64_t count = 0;
  if (!field.has_value() || !absl::SimpleAtoi(*field, &count)) return std::nullopt;
  return count;
}

// Writes a member of a canonical object that is not empty, and leaves the rest of its text as it is.
void SetCount(absl::string_view name, std::uint64_t count, std::string* object) {
  const std::optional<absl::string_view> field = FindMember(*object, {name});
  if (!field.has_value()) {
    object->insert(object->size() - 1, absl::StrCat(",\"", name, "\":", count));
    return;
  }
  const auto at = static_cast<std::size_t>(field->data() - object->data());
  object->replace(at, field->size(), absl::StrCat(count));
}

}  // namespace

void SessionMend::AddCreds(const Value& creds) {
  creds_ = creds;
  if (std::optional<Value> unwrapped = UnwrapCreds(*creds_)) {
    creds_ = *std::move(unwrapped);
    Step("CREDS_UNWRAPPED", "creds were JSON text in a JSON string, which Baileys takes for no creds");
  }
  if (IsCredsObject(*creds_) && MendByteFields(kCredsType, &*creds_)) {
    Step("CREDS_BYTES", "bytes of creds that stood as numbers become Buffers, which alone Baileys can use");
  }
}

void SessionMend::AddKey(const client::KeyEntry& key) {
  client::KeyEntry mended = key;
  const bool changed = MendByteFields(key.name.type, &mended.value);
  std::uint64_t id = 0;
  if (key.name.type == "pre-key" && absl::SimpleAtoi(key.name.id, &id)) {
    highest_pre_key_ = std::max(highest_pre_key_, id);
  }
  after_.AddKey(mended);
  if (changed) mended_.keys.push_back(std::move(mended));
}

Mended SessionMend::Finish() && {
  if (!mended_.keys.empty()) {
    Step("KEY_BYTES", absl::StrCat("bytes that stood as numbers become Buffers in ", Count(mended_.keys.size(), "key"),
                                   ", as Baileys cannot use them otherwise"));
  }
  if (creds_.has_value()) {
    if (IsCredsObject(*creds_) && CheckCreds(*creds_).ok()) RaiseCounters();
    after_.AddCreds(*creds_);
    const bool changed = std::any_of(mended_.steps.begin(), mended_.steps.end(),
                                     [](const MendStep& step) { return step.reason != "KEY_BYTES"; });
    if (changed) mended_.creds = std::move(creds_);
  }
  mended_.after = std::move(after_).Finish();
  return std::move(mended_);
}

void SessionMend::Step(std::string reason, std::string message) {
  mended_.steps.push_back({std::move(reason), std::move(message)});
}

// Both counters to one more than the highest id that was ever given out: nothing is uploaded then that is not made
// anew, and no id is given out twice. Ids below that have no key are what Baileys leaves too.
void SessionMend::RaiseCounters() {
  const std::optional<std::uint64_t> next = CountAt(creds_->bytes, kNext);
  const std::optional<std::uint64_t> unuploaded = CountAt(creds_->bytes, kUnuploaded);
  const bool sound = next.has_value() && unuploaded.has_value() && *unuploaded <= *next && highest_pre_key_ < *next;
  const std::uint64_t raised = std::max({highest_pre_key_ + 1, next.value_or(1), unuploaded.value_or(1)});
  if (sound || raised >= kPreKeyIds) return;
  SetCount(kNext, raised, &creds_->bytes);
  SetCount(kUnuploaded, raised, &creds_->bytes);
  const auto was = [](const std::optional<std::uint64_t>& count) {
    return count.has_value() ? absl::StrCat(*count) : "no count";
  };
  Step("COUNTERS_RAISED",
       absl::StrCat(kNext, " (", was(next), ") and ", kUnuploaded, " (", was(unuploaded), ") become ", raised,
                    highest_pre_key_ > 0 ? absl::StrCat(", as the highest pre-key is ", highest_pre_key_) : "",
                    ": no id is given out twice then"));
}

}  // namespace authstate::cli

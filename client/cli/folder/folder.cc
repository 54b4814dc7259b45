#include "client/cli/folder/folder.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/byte_fields.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/terminal/text.h"
#include "contract/codec.h"
#include "contract/limits.h"

namespace authstate::cli {
namespace {

// A sender key is bytes that hold JSON text. Older stores kept that text itself, an array of states, on which Baileys
// 7.0 throws. True when it was wrapped.
bool WrapSenderKey(absl::string_view type, Value* value) {
  const bool bare = type == "sender-key" && value->kind == ValueKind::kJson && absl::StartsWith(value->bytes, "[{");
  if (bare) value->kind = ValueKind::kRaw;
  return bare;
}

}  // namespace

absl::StatusOr<Value> ParseEntry(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty");
  absl::StatusOr<Value> value = ParseBufferJson(text);
  if (!value.ok()) return value;
  if (value->bytes.size() > kMaxValueBytes) {
    return absl::InvalidArgumentError(absl::StrCat("its value has more than ", kMaxValueBytes, " bytes"));
  }
  // useMultiFileAuthState deletes the file instead.
  if (value->kind == ValueKind::kJson && value->bytes == "null") return absl::InvalidArgumentError("holds null");
  return value;
}

absl::Status FolderBuilder::TakeCreds(absl::string_view entry, Value creds) {
  if (folder_.creds.has_value()) return absl::InvalidArgumentError("there are creds twice");
  if (std::optional<Value> unwrapped = UnwrapCreds(creds)) {
    creds = *std::move(unwrapped);
    folder_.creds_unwrapped = true;
  }
  if (!IsCredsObject(creds)) return absl::InvalidArgumentError("creds must be a JSON object");
  if (MendByteFields(kCredsType, &creds)) folder_.mended.emplace_back(entry);
  if (const absl::Status works = CheckCreds(creds); !works.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(works.message(), ": Baileys cannot work with these creds"));
  }
  folder_.creds = std::move(creds);
  return absl::OkStatus();
}

void FolderBuilder::AddCreds(absl::string_view entry, const absl::StatusOr<Value>& value) {
  const absl::Status taken = value.ok() ? TakeCreds(entry, *value) : value.status();
  if (!taken.ok()) Refuse(entry, taken.message());
}

void FolderBuilder::AddKey(absl::string_view entry, client::KeyName name, absl::StatusOr<Value> value) {
  if (!value.ok()) {
    std::vector<FolderProblem>& where = skip_torn_ ? folder_.left_out : problems_;
    where.push_back({std::string(entry), std::string(value.status().message())});
    return;
  }
  if (!names_.insert(name).second) return Refuse(entry, "there is another entry of this key");
  const bool mended = MendByteFields(name.type, &*value);
  if (WrapSenderKey(name.type, &*value) || mended) folder_.mended.emplace_back(entry);
  folder_.keys.push_back({std::move(name), *std::move(value)});
}

void FolderBuilder::Refuse(absl::string_view entry, absl::string_view reason) {
  problems_.push_back({std::string(entry), std::string(reason)});
}

absl::StatusOr<Folder> FolderBuilder::Finish(absl::string_view path, absl::string_view noun) && {
  if (!problems_.empty()) {
    const absl::string_view verb = problems_.size() == 1 ? " stands" : " stand";
    return FolderProblemsError(
        absl::StrCat(Count(problems_.size(), noun), " of ", path, verb, " in the way; nothing was changed"), problems_);
  }
  std::sort(folder_.keys.begin(), folder_.keys.end(),
            [](const client::KeyEntry& a, const client::KeyEntry& b) { return a.name < b.name; });
  return std::move(folder_);
}

}  // namespace authstate::cli

#include "tests/fuzz/imported.h"

#include <set>

#include "client/cli/folder/creds_value.h"
#include "client/cli/folder/file_name.h"
#include "client/cli/stores/entries.h"
#include "client/cli/stores/formats.h"
#include "contract/codec.h"
#include "tests/fuzz/property.h"

namespace authstate::fuzz {
namespace {

void CheckValue(const Value& value) {
  const absl::StatusOr<Value> canonical = Canonicalize(value);
  Hold(canonical.ok() && *canonical == value, "values are canonical");
}

}  // namespace

void CheckFolder(const absl::StatusOr<cli::Folder>& folder) {
  Hold(folder.ok() || absl::IsFailedPrecondition(folder.status()), "what is refused is FailedPrecondition");
  if (!folder.ok()) return;
  if (folder->creds.has_value()) {
    CheckValue(*folder->creds);
    Hold(cli::CheckCreds(*folder->creds).ok(), "Baileys can work with the creds");
  }
  std::set<client::KeyName> names;
  for (const client::KeyEntry& key : folder->keys) {
    Hold(cli::CheckKeyName(key.name).ok(), "keys have names of the contract");
    Hold(names.insert(key.name).second, "no key comes twice");
    CheckValue(key.value);
  }
}

void CheckDump(const cli::Dump& dump) {
  const cli::FileNameRules rules;
  const cli::Format* const format = cli::FindFormat(dump, "", rules);
  if (format == nullptr) return;
  for (const auto& [name, session] : cli::SessionsOf(*format, dump, rules)) {
    for (const bool skip_torn : {false, true}) {
      CheckFolder(cli::FolderOf(session, dump.torn_lines, "dump", /*with_creds=*/true, skip_torn));
    }
  }
}

}  // namespace authstate::fuzz

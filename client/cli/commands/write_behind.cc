#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/folder/folder_writer.h"
#include "client/cli/keyring_choice.h"
#include "client/cli/terminal/text.h"
#include "migrations/open_orphans.h"

namespace authstate::cli {
namespace {

using storage::Orphan;
using storage::OrphanFile;
using storage::OrphanSummary;

struct OrphanOptions {
  std::string path;
  std::uint64_t id = 0;
  std::string folder;
  KeyringSource keyring;
  bool force = false;
  bool yes = false;
};

std::string CredsText(const OrphanSummary& orphan) {
  return orphan.sets_creds ? "set" : orphan.deletes_creds ? "deleted" : "-";
}

Json ToJson(const OrphanSummary& orphan) {
  return {{"orphan", orphan.id},
          {"session_id", orphan.session_id},
          {"lost", TimeText(orphan.lost_time)},
          {"taken_by", orphan.taken_by},
          {"flushed_revision", orphan.flushed_revision},
          {"revision", orphan.revision},
          {"creds", CredsText(orphan)},
          {"keys_set", orphan.sets},
          {"keys_deleted", orphan.deletes},
          {"all_keys_deleted_first", orphan.clears_keys}};
}

absl::Status List(CommandContext& context, const OrphanOptions& options) {
  const auto file = migrations::OpenOrphans(options.path, OrphanFile::Purpose::kLook);
  if (!file.ok()) return file.status();
  const auto orphans = (*file)->List();
  if (!orphans.ok()) return orphans.status();
  if (context.output().json()) {
    Json list = Json::array();
    for (const OrphanSummary& orphan : *orphans) list.push_back(ToJson(orphan));
    return context.output().WriteJson({{"orphans", std::move(list)}});
  }
  std::vector<std::vector<std::string>> rows{
      {"ORPHAN", "SESSION", "LOST", "TAKEN BY", "FLUSHED", "REVISION", "CREDS", "KEYS SET", "KEYS DELETED"}};
  for (const OrphanSummary& orphan : *orphans) {
    rows.push_back({absl::StrCat(orphan.id), orphan.session_id, TimeText(orphan.lost_time),
                    orphan.taken_by.empty() ? "-" : Printable(orphan.taken_by), absl::StrCat(orphan.flushed_revision),
                    absl::StrCat(orphan.revision), CredsText(orphan), absl::StrCat(orphan.sets),
                    orphan.clears_keys ? "all before" : absl::StrCat(orphan.deletes)});
  }
  return context.output().Write(Table(rows));
}

// Baileys takes a value that is null for absent, so such a key is in no file; it is told as one that was deleted.
bool IsNull(const Value& value) { return value == Value{ValueKind::kJson, "null"}; }

absl::Status WriteFolder(const Orphan& orphan, const OrphanOptions& options) {
  absl::StatusOr<FolderWriter> writer = FolderWriter::Create(options.folder, options.force);
  if (!writer.ok()) return writer.status();
  if (orphan.creds.has_value()) {
    if (absl::Status added = writer->AddCreds(*orphan.creds); !added.ok()) return added;
  }
  for (const storage::KeyWrite& key : orphan.sets) {
    if (IsNull(key.value)) continue;
    absl::Status added = writer->AddKey({{key.name.type, key.name.id}, key.value});
    if (!added.ok()) return added;
  }
  return writer->Publish();
}

absl::Status Export(CommandContext& context, const OrphanOptions& options) {
  const auto keyring = FindKeyring(options.keyring);
  if (!keyring.ok()) return keyring.status();
  const auto file = migrations::OpenOrphans(options.path, OrphanFile::Purpose::kLook);
  if (!file.ok()) return file.status();
  const auto orphan = (*file)->Read(options.id, *keyring);
  if (!orphan.ok()) return orphan.status();
  if (absl::Status written = WriteFolder(*orphan, options); !written.ok()) return written;
  std::vector<storage::KeyName> deletes = orphan->deletes;
  for (const storage::KeyWrite& key : orphan->sets) {
    if (IsNull(key.value)) deletes.push_back(key.name);
  }
  const OrphanSummary& summary = orphan->summary;
  if (context.output().json()) {
    Json deleted = Json::array();
    for (const storage::KeyName& name : deletes) deleted.push_back({{"type", name.type}, {"id", name.id}});
    Json shown = ToJson(summary);
    shown["folder"] = options.folder;
    shown["deleted"] = std::move(deleted);
    return context.output().WriteJson(shown);
  }
  std::vector<std::string> lines{absl::StrCat(
      "exported ", orphan->creds.has_value() ? "creds and " : "",
      Count(summary.sets - (deletes.size() - orphan->deletes.size()), "key"), " of session ", summary.session_id,
      ", written between revision ", summary.flushed_revision, " and ", summary.revision, ", to ", options.folder)};
  if (summary.deletes_creds) lines.emplace_back("the creds were deleted");
  if (summary.clears_keys) lines.emplace_back("all other keys were deleted");
  for (const storage::KeyName& name : deletes) {
    lines.push_back(absl::StrCat("deleted: ", Printable(name.type), " ", Printable(name.id)));
  }
  return context.output().WriteLines(lines);
}

absl::Status Discard(CommandContext& context, const OrphanOptions& options) {
  if (!options.yes) {
    absl::Status confirmed = Confirm(
        "discarding",
        [&] { return absl::StrCat("Discard the orphan ", options.id, "? Nobody else has what it holds."); },
        "nothing was discarded");
    if (!confirmed.ok()) return confirmed;
  }
  const auto file = migrations::OpenOrphans(options.path, OrphanFile::Purpose::kChange);
  if (!file.ok()) return file.status();
  if (absl::Status discarded = (*file)->Discard(options.id); !discarded.ok()) return discarded;
  if (context.output().json()) return context.output().WriteJson({{"discarded", options.id}});
  return context.output().WriteLine(absl::StrCat("discarded the orphan ", options.id));
}

}  // namespace

Command WriteBehindCommands(Action* action) {
  const auto options = std::make_shared<OrphanOptions>();
  const Option path = Required(Text("PATH", &options->path, "The file of --write-behind"));
  const Option id =
      Required(profiles::Number("ORPHAN", &options->id, 1, profiles::kMaxStoredNumber, "Its number, as list tells it"));
  std::vector<Option> of_export = DeclareKeyring(&options->keyring, "The keyring file of the server");
  of_export.insert(
      of_export.begin(),
      {path, id,
       Required(Text("DIR", &options->folder, "The folder: absent or empty. It appears whole, or not at all")),
       Flag("--force", &options->force, "Replace a folder that holds a session")});
  return Group(
      "write-behind", "Look after the file of write-behind",
      {Group(
          "orphans", "What could not be flushed of sessions that others had taken, and was kept aside in the file",
          {Leaf("list", "List what was kept aside; the server of the file may run", options, {path}, List, action),
           Leaf("export",
                "Write what was set to a folder as session export does, and tell what was deleted; the server may run",
                options, std::move(of_export), Export, action),
           Leaf("discard", "Delete what was kept aside, for ever; the server of the file is stopped before", options,
                {path, id, Yes(&options->yes, "Do not ask")}, Discard, action)})});
}

}  // namespace authstate::cli

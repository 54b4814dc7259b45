#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"

namespace authstate::cli {
namespace {

struct PurgeOptions {
  std::vector<std::string> types;
  bool dry_run = false;
};

absl::Status PurgeExpired(CommandContext& context, const PurgeOptions& options) {
  const auto counts = context.client().PurgeExpiredKeys(options.types, options.dry_run);
  if (!counts.ok()) return counts.status();
  if (context.output().json()) {
    return context.output().WriteJson(Json{{"dry_run", options.dry_run}, {"keys", *counts}});
  }
  const char* const verb = options.dry_run ? "would delete " : "deleted ";
  if (counts->empty()) return context.output().WriteLine(absl::StrCat(verb, "no key"));
  for (const auto& [type, keys] : *counts) {
    absl::Status written =
        context.output().WriteLine(absl::StrCat(verb, keys, " expired ", type, keys == 1 ? " key" : " keys"));
    if (!written.ok()) return written;
  }
  return absl::OkStatus();
}

}  // namespace

Command LegacyCommands(Action* action) {
  const auto options = std::make_shared<PurgeOptions>();
  return Group("legacy", "Look after the tables whatsapp_auth and whatsapp_keys",
               {Leaf("purge-expired", "Delete keys whose stamp of expiry has passed", options,
                     {profiles::List("--types", &options->types,
                                     "Of lid-mapping, device-list, tctoken; all three when not given", ','),
                      Flag("--dry-run", &options->dry_run, "Count them, and delete nothing")},
                     PurgeExpired, action)});
}

}  // namespace authstate::cli

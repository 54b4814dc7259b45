#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/text.h"
#include "client/cli/value_argument.h"
#include "contract/codec.h"

namespace authstate::cli {
namespace {

struct SetOptions {
  std::string session_id;
  std::string value;
  std::optional<std::uint64_t> expected_revision;
  WriteOptions write;
};

absl::Status GetCreds(CommandContext& context, const std::string& session_id) {
  const absl::StatusOr<client::Creds> creds = context.client().GetCreds(session_id);
  if (!creds.ok()) return creds.status();
  const std::string text = ToBufferJson(creds->value);
  if (!context.output().json()) return context.output().WriteLine(text);
  const Json found{{"session_id", session_id}, {"revision", creds->revision}};
  return context.output().WriteLine(WithTextMember(found, "creds", text));
}

absl::Status SetCreds(CommandContext& context, const SetOptions& options) {
  const absl::StatusOr<std::string> text = ReadValueArgument(options.value);
  if (!text.ok()) return text.status();
  absl::StatusOr<Value> creds = ParseCreds(*text);
  if (!creds.ok()) return creds.status();
  if (const absl::Status works = CheckCreds(*creds); !works.ok()) {
    context.output().Warn(absl::StrCat("Baileys cannot work with these creds: ", works.message()));
  }
  return WriteUnder(context, options.session_id, options.write, [&](std::uint64_t fence) -> absl::Status {
    const auto revision = context.client().SetCreds(options.session_id, *creds, options.expected_revision, fence);
    if (!revision.ok()) return revision.status();
    if (context.output().json()) {
      return context.output().WriteLine(ToText({{"session_id", options.session_id}, {"revision", *revision}}));
    }
    return context.output().WriteLine(absl::StrCat("session ", options.session_id, " is at revision ", *revision));
  });
}

}  // namespace

void AddCredsCommands(CLI::App& parent, Action* action) {
  CLI::App* const creds = parent.add_subcommand("creds", "Read and write the creds of a session");

  const auto session_id = std::make_shared<std::string>();
  CLI::App* const get = creds->add_subcommand("get", "Print the creds as BufferJSON text. They are secret");
  get->add_option("SESSION", *session_id, "The session's id")->required();
  get->callback([=] { *action = [session_id](CommandContext& context) { return GetCreds(context, *session_id); }; });

  const auto options = std::make_shared<SetOptions>();
  CLI::App* const set = creds->add_subcommand("set", "Replace the creds");
  set->add_option("SESSION", options->session_id, "The session's id")->required();
  set->add_option("VALUE", options->value, kValueHelp)->required();
  AddExpectedRevision(*set, &options->expected_revision);
  AddWriteOptions(*set, &options->write);
  set->callback([=] { *action = [options](CommandContext& context) { return SetCreds(context, *options); }; });
}

}  // namespace authstate::cli

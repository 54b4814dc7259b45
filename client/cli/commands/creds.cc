#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/folder/creds_value.h"
#include "client/cli/terminal/text.h"
#include "client/cli/value_argument.h"
#include "contract/codec.h"

namespace authstate::cli {
namespace {

struct CredsOptions {
  std::string session_id;
  std::string value;
  std::optional<std::uint64_t> expected_revision;
  WriteOptions write;
};

absl::Status GetCreds(CommandContext& context, const CredsOptions& options) {
  const absl::StatusOr<client::Creds> creds = context.client().GetCreds(options.session_id);
  if (!creds.ok()) return creds.status();
  const std::string text = ToBufferJson(creds->value);
  if (!context.output().json()) return context.output().WriteLine(text);
  const Json found{{"session_id", options.session_id}, {"revision", creds->revision}};
  return context.output().WriteLine(WithTextMember(found, "creds", text));
}

absl::Status SetCreds(CommandContext& context, const CredsOptions& options) {
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
    return ReportRevision(context.output(), options.session_id, *revision);
  });
}

}  // namespace

Command CredsCommands(Action* action) {
  const auto options = std::make_shared<CredsOptions>();
  const Option session = SessionArgument(&options->session_id);
  return Group(
      "creds", "Read and write the creds of a session",
      {Leaf("get", "Print the creds as BufferJSON text. They are secret", options, {session}, GetCreds, action),
       Leaf("set", "Replace the creds", options,
            Writing(&options->write, {session, Required(Text("VALUE", &options->value, kValueHelp)),
                                      ExpectedRevision(&options->expected_revision)}),
            SetCreds, action)});
}

}  // namespace authstate::cli

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/commands.h"
#include "client/cli/terminal/text.h"
#include "client/cli/value_argument.h"
#include "contract/codec.h"
#include "contract/limits.h"

namespace authstate::cli {
namespace {

// What the key commands take; each command its part.
struct KeysOptions {
  std::string session_id;
  std::string type;
  std::vector<std::string> ids;
  std::string id;
  std::string value;
  bool raw = false;
  // Every key of the type, in place of `ids`.
  bool all = false;
  std::optional<std::uint64_t> expected_revision;
  WriteOptions write;
};

std::vector<client::KeyName> NamesOf(const KeysOptions& options) {
  std::vector<client::KeyName> names;
  names.reserve(options.ids.size());
  for (const std::string& id : options.ids) names.push_back({options.type, id});
  return names;
}

absl::string_view KindText(const Value& value) { return value.kind == ValueKind::kRaw ? "raw" : "json"; }

absl::Status WriteKeysAsJson(Output& output, const KeysOptions& options, const client::Keys& keys) {
  std::vector<std::string> found;
  for (const client::KeyEntry& entry : keys.found) {
    found.push_back(
        WithTextMember({{"type", entry.name.type}, {"id", entry.name.id}}, "value", ToBufferJson(entry.value)));
  }
  Json absent = Json::array();
  for (const client::KeyName& name : keys.absent) absent.push_back({{"type", name.type}, {"id", name.id}});
  const Json read{{"session_id", options.session_id}, {"revision", keys.revision}, {"absent", absent}};
  return output.WriteLine(WithTextMember(read, "keys", absl::StrCat("[", absl::StrJoin(found, ","), "]")));
}

absl::Status WriteKeys(Output& output, const KeysOptions& options, const client::Keys& keys) {
  if (output.json()) return WriteKeysAsJson(output, options, keys);
  for (const client::KeyEntry& entry : keys.found) {
    const std::string label = options.ids.size() == 1 ? "" : absl::StrCat(Printable(entry.name.id), "\t");
    absl::Status status = output.WriteLine(absl::StrCat(label, ToBufferJson(entry.value)));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status WriteRaw(Output& output, const client::Keys& keys) {
  if (keys.found.empty()) return absl::OkStatus();
  const Value& value = keys.found.front().value;
  if (value.kind != ValueKind::kRaw) {
    return absl::FailedPreconditionError("the value is JSON, not a Buffer; leave --raw out");
  }
  return output.Write(value.bytes);
}

absl::Status GetKeys(CommandContext& context, const KeysOptions& options) {
  if (options.raw && (options.ids.size() != 1 || context.output().json())) {
    return absl::InvalidArgumentError("--raw prints the bytes of one key, and not as JSON");
  }
  const absl::StatusOr<client::Keys> keys = context.client().GetKeys(options.session_id, NamesOf(options));
  if (!keys.ok()) return keys.status();
  absl::Status status = options.raw ? WriteRaw(context.output(), *keys) : WriteKeys(context.output(), options, *keys);
  if (!status.ok() || keys->absent.empty()) return status;
  std::vector<std::string> absent;
  for (const client::KeyName& name : keys->absent) absent.push_back(name.id);
  return absl::NotFoundError(
      absl::StrCat("session ", options.session_id, " has no ", options.type, " ", absl::StrJoin(absent, ", ")));
}

absl::Status SetKey(CommandContext& context, const KeysOptions& options) {
  absl::StatusOr<std::string> bytes = ReadValueArgument(options.value);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<Value> value =
      options.raw ? Value{ValueKind::kRaw, *std::move(bytes)} : ParseBufferJson(*std::move(bytes));
  if (!value.ok()) return value.status();
  return WriteUnder(context, options.session_id, options.write, [&](std::uint64_t fence) -> absl::Status {
    const auto revision = context.client().SetKeys(options.session_id, {{{options.type, options.id}, *value}},
                                                   options.expected_revision, fence);
    if (!revision.ok()) return revision.status();
    return ReportRevision(context.output(), options.session_id, *revision);
  });
}

absl::Status ReportDeleted(Output& output, const KeysOptions& options, std::size_t deleted, std::uint64_t revision) {
  const std::size_t asked = options.all ? deleted : options.ids.size();
  if (output.json()) {
    return output.WriteLine(
        ToText({{"session_id", options.session_id}, {"revision", revision}, {"asked", asked}, {"deleted", deleted}}));
  }
  return output.WriteLine(absl::StrCat("deleted ", deleted, " of ", Count(asked, "key"), "; session ",
                                       options.session_id, " is at revision ", revision));
}

// Deletes those that are there, and tells how many those were: what is found at a revision is deleted at that revision.
absl::Status DeleteKeysUnder(CommandContext& context, const KeysOptions& options, std::uint64_t fence) {
  client::Client& client = context.client();
  while (true) {
    const absl::StatusOr<client::Keys> keys = client.GetKeys(options.session_id, NamesOf(options));
    if (!keys.ok()) return keys.status();
    const std::uint64_t expected = options.expected_revision.value_or(keys->revision);
    if (keys->found.empty() && expected == keys->revision) {
      for (const std::string& id : options.ids) {
        if (id != "*") continue;
        context.output().Warn(absl::StrCat("* is an id like any other; authstatectl keys list ", options.session_id,
                                           " ", options.type, " tells the ids to delete, and --all deletes all"));
      }
      return ReportDeleted(context.output(), options, 0, keys->revision);
    }
    const auto revision = client.DeleteKeys(options.session_id, NamesOf(options), expected, fence);
    if (revision.ok()) return ReportDeleted(context.output(), options, keys->found.size(), *revision);
    // Somebody wrote in between.
    if (!absl::IsAborted(revision.status()) || options.expected_revision.has_value()) return revision.status();
  }
}

// In commits of bounded size, each at the revision that the one before led to: another writer ends it.
absl::Status DeleteTypeUnder(CommandContext& context, const KeysOptions& options, std::uint64_t fence) {
  client::Client& client = context.client();
  std::uint64_t revision = 0;
  std::vector<client::KeyName> names;
  absl::Status loaded = client.LoadSession(
      options.session_id, 0,
      [&](const client::SessionPage& page) {
        revision = page.revision;
        for (const client::KeyEntry& key : page.keys) {
          if (key.name.type == options.type) names.push_back(key.name);
        }
        return absl::OkStatus();
      },
      fence);
  if (!loaded.ok()) return loaded;
  revision = options.expected_revision.value_or(revision);
  std::size_t deleted = 0;
  while (deleted < names.size()) {
    const std::size_t batch = std::min(names.size() - deleted, kMaxCommitOperations);
    const auto begin = names.begin() + static_cast<std::ptrdiff_t>(deleted);
    const auto written =
        client.DeleteKeys(options.session_id, {begin, begin + static_cast<std::ptrdiff_t>(batch)}, revision, fence);
    if (!written.ok()) {
      return WithMessage(written.status(),
                         absl::StrCat(written.status().message(), "; ", deleted, " of ", Count(names.size(), "key"),
                                      " are deleted: run it again for the rest"));
    }
    revision = *written;
    deleted += batch;
  }
  return ReportDeleted(context.output(), options, deleted, revision);
}

absl::Status DeleteKeys(CommandContext& context, const KeysOptions& options) {
  if (options.all == !options.ids.empty()) return absl::InvalidArgumentError("name IDs, or say --all");
  const auto run = options.all ? DeleteTypeUnder : DeleteKeysUnder;
  return WriteUnder(context, options.session_id, options.write,
                    [&](std::uint64_t fence) { return run(context, options, fence); });
}

absl::Status ListKeys(CommandContext& context, const KeysOptions& options) {
  std::uint64_t revision = 0;
  std::vector<std::vector<std::string>> rows{{"TYPE", "ID", "KIND", "BYTES"}};
  Json keys = Json::array();
  absl::Status status = context.client().LoadSession(options.session_id, 0, [&](const client::SessionPage& page) {
    revision = page.revision;
    for (const auto& [name, value] : page.keys) {
      if (!options.type.empty() && name.type != options.type) continue;
      if (context.output().json()) {
        keys.push_back({{"type", name.type},
                        {"id", name.id},
                        {"kind", std::string(KindText(value))},
                        {"bytes", value.bytes.size()}});
      } else {
        rows.push_back({name.type, Printable(name.id), std::string(KindText(value)), absl::StrCat(value.bytes.size())});
      }
    }
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  if (!context.output().json()) return context.output().Write(Table(rows));
  return context.output().WriteLine(
      ToText({{"session_id", options.session_id}, {"revision", revision}, {"keys", keys}}));
}

Command KeysCommand(std::string name, std::string help, const std::shared_ptr<KeysOptions>& options,
                    std::vector<Option> declared, absl::Status (*run)(CommandContext&, const KeysOptions&),
                    Action* action) {
  declared.insert(declared.begin(), SessionArgument(&options->session_id));
  return Leaf(std::move(name), std::move(help), options, std::move(declared), run, action);
}

}  // namespace

Command KeysCommands(Action* action) {
  const auto options = std::make_shared<KeysOptions>();
  const Option type = Required(Text("TYPE", &options->type, "The key type, such as pre-key"));
  const Option ids = Required(profiles::List("ID", &options->ids, "Key ids of that type"));
  const Option revision = ExpectedRevision(&options->expected_revision);
  Command get = KeysCommand(
      "get", "Print keys as BufferJSON text. They are secret", options,
      {type, ids, Flag("--raw", &options->raw, "Print the bytes of one key whose value is a Buffer, and nothing else")},
      GetKeys, action);
  get.footer = "With several ids each line is an id, a tab and the value. An id that is absent makes the exit code 3.";
  Command set = KeysCommand(
      "set", "Write a key", options,
      Writing(&options->write,
              {type, Required(Text("ID", &options->id, "The key's id")),
               Required(Text("VALUE", &options->value, kValueHelp)),
               Flag("--raw", &options->raw, "VALUE is the bytes of a Buffer, not BufferJSON text"), revision}),
      SetKey, action);
  Command remove =
      KeysCommand("delete", "Delete keys, and tell how many there were; one that is absent is no error", options,
                  Writing(&options->write, {type, profiles::List("ID", &options->ids, "Key ids of that type"),
                                            Flag("-a,--all", &options->all, "Every key of that type"), revision}),
                  DeleteKeys, action);
  Command list = KeysCommand("list", "List the names and sizes of keys, no values", options,
                             {Text("TYPE", &options->type, "Only keys of this type")}, ListKeys, action);
  return Group("keys", "Read, write, delete and list the keys of a session",
               {std::move(get), std::move(set), std::move(remove), std::move(list)});
}

}  // namespace authstate::cli

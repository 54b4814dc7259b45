#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/check/prune_rules.h"
#include "client/cli/check/session_check.h"
#include "client/cli/commands/commands.h"
#include "client/cli/every_session.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// How many keys one commit deletes: the session's lease, and the database, are held by none for long.
constexpr std::size_t kBatchKeys = 1'000;

constexpr char kSession[] = "session";
constexpr char kSenderKey[] = "sender-key";
constexpr char kSenderKeyMemory[] = "sender-key-memory";

struct PruneOptions {
  std::string session_id;
  bool all = false;
  std::string prefix;
  std::vector<std::string> types;
  std::optional<absl::Duration> older_than;
  bool dry_run = false;
  WriteOptions write;
};

using Sizes = std::map<std::string, KeyTypeSize>;

// What may go of a session at a revision.
struct Prunable {
  std::uint64_t revision = 0;
  std::vector<client::KeyName> keys;
  Sizes sizes;
};

std::vector<std::string> TypesOf(const PruneOptions& options) {
  return options.types.empty() ? PrunedByDefault() : options.types;
}

// The Signal sessions that are idle by what they tell themselves, of those that have not changed for so long.
absl::StatusOr<std::set<client::KeyName>> IdleSessions(client::Client& client, const PruneOptions& options,
                                                       const std::string& session_id, std::uint64_t fence,
                                                       std::uint64_t revision) {
  const absl::Time before = absl::Now() - *options.older_than;
  std::set<client::KeyName> idle;
  absl::Status loaded =
      client.LoadSession(session_id, 0,
                         [&](const client::SessionPage& page) {
                           if (page.revision != revision) {
                             return absl::AbortedError("another writer has changed the session since");
                           }
                           for (const client::KeyEntry& key : page.keys) {
                             const std::optional<absl::Time> used = LastUseOf(key.value);
                             if (used.has_value() && *used <= before) idle.insert(key.name);
                           }
                           return absl::OkStatus();
                         },
                         fence, {{kSession}, options.older_than, /*without_creds=*/true});
  if (!loaded.ok()) return loaded;
  return idle;
}

absl::StatusOr<Prunable> Look(client::Client& client, const PruneOptions& options, const std::string& session_id,
                              std::uint64_t fence) {
  Prunable prunable;
  std::vector<client::KeySummary> found;
  absl::Status loaded = client.LoadSession(
      session_id, 0,
      [&](client::SessionPage page) {
        prunable.revision = page.revision;
        for (client::KeySummary& key : page.summaries) found.push_back(std::move(key));
        return absl::OkStatus();
      },
      fence, {TypesOf(options), options.older_than, /*without_creds=*/true, /*without_values=*/true});
  if (!loaded.ok()) return loaded;
  std::set<client::KeyName> idle;
  if (std::any_of(found.begin(), found.end(), [](const auto& key) { return key.name.type == kSession; })) {
    auto sessions = IdleSessions(client, options, session_id, fence, prunable.revision);
    if (!sessions.ok()) return sessions.status();
    idle = *std::move(sessions);
  }
  std::set<client::KeyName> memories;
  for (const client::KeySummary& key : found) {
    if (key.name.type == kSession && idle.count(key.name) == 0) continue;
    KeyTypeSize& size = prunable.sizes[key.name.type];
    ++size.count;
    size.bytes += key.stored_bytes;
    if (key.name.type == kSenderKeyMemory) {
      memories.insert(key.name);
    } else {
      prunable.keys.push_back(key.name);
    }
    if (key.name.type == kSenderKey) memories.insert({kSenderKeyMemory, GroupOf(key.name.id)});
  }
  // Memories go first: a sender key that is gone while a group is thought to have it would not be sent again.
  prunable.keys.insert(prunable.keys.begin(), memories.begin(), memories.end());
  return prunable;
}

absl::Status Delete(client::Client& client, const std::string& session_id, std::uint64_t fence, Prunable* prunable,
                    Progress& progress) {
  const std::vector<client::KeyName>& keys = prunable->keys;
  for (std::size_t done = 0; done < keys.size();) {
    progress.Show("pruning", done, keys.size());
    const std::size_t batch = std::min(keys.size() - done, kBatchKeys);
    const auto begin = keys.begin() + static_cast<std::ptrdiff_t>(done);
    const auto revision =
        client.DeleteKeys(session_id, {begin, begin + static_cast<std::ptrdiff_t>(batch)}, prunable->revision, fence);
    if (!revision.ok()) {
      return WithMessage(revision.status(), absl::StrCat(revision.status().message(), "; ", done, " of ",
                                                         Count(keys.size(), "key"), " are gone"));
    }
    prunable->revision = *revision;
    done += batch;
  }
  return absl::OkStatus();
}

// The lease is only taken where there is something to do.
absl::StatusOr<Prunable> PruneOne(CommandContext& context, const PruneOptions& options, const std::string& session_id,
                                  Progress& progress) {
  client::Client& client = context.client();
  absl::StatusOr<Prunable> prunable = Look(client, options, session_id, 0);
  if (!prunable.ok() || options.dry_run || prunable->keys.empty()) return prunable;
  const absl::Status written = WriteUnderWatch(context, session_id, options.write, [&](std::uint64_t fence) {
    prunable = Look(client, options, session_id, fence);
    return prunable.ok() ? Delete(client, session_id, fence, &*prunable, progress) : prunable.status();
  });
  if (!written.ok()) return written;
  return prunable;
}

std::string TextOf(const PruneOptions& options, const std::string& session_id, const Sizes& sizes) {
  std::string text = absl::StrCat(options.dry_run ? "would prune" : "pruned", " of ", session_id, ":");
  if (sizes.empty()) absl::StrAppend(&text, " nothing");
  for (const auto& [type, size] : sizes) {
    absl::StrAppend(&text, text.back() == ':' ? " " : ", ", type, " ", size.count, " (", size.bytes, " bytes)");
  }
  return text;
}

Json JsonOf(const PruneOptions& options, const Prunable& prunable) {
  Json types = Json::array();
  for (const auto& [type, size] : prunable.sizes) {
    types.push_back({{"type", type}, {"count", size.count}, {"bytes", size.bytes}});
  }
  return {{"dry_run", options.dry_run}, {"revision", prunable.revision}, {"types", types}};
}

absl::Status PruneAll(CommandContext& context, const PruneOptions& options, SignalWatcher& signals) {
  Progress quiet(/*quiet=*/true);
  Sizes sum;
  absl::Status status = ForEverySession(
      context, signals, options.prefix, options.dry_run ? "looked into" : "pruned",
      [&](const client::SessionSummary& session) -> absl::StatusOr<SessionDone> {
        const auto pruned = PruneOne(context, options, session.session_id, quiet);
        if (!pruned.ok()) return pruned.status();
        for (const auto& [type, size] : pruned->sizes) {
          sum[type].count += size.count;
          sum[type].bytes += size.bytes;
        }
        const bool nothing = pruned->sizes.empty();
        return SessionDone{nothing,
                           nothing ? "" : TextOf(options, absl::StrCat("session ", session.session_id), pruned->sizes),
                           JsonOf(options, *pruned)};
      });
  if (context.output().json()) return status;
  const absl::Status said = context.output().WriteLine(TextOf(options, "all", sum));
  return said.ok() ? status : said;
}

absl::Status PruneSessions(CommandContext& context, const PruneOptions& options) {
  if (options.all == !options.session_id.empty()) {
    return absl::InvalidArgumentError("name a SESSION, or say --all");
  }
  for (const std::string& type : options.types) {
    absl::Status prunable = CheckPrunable(type, options.older_than.has_value());
    if (!prunable.ok()) return prunable;
  }
  SignalWatcher signals;
  context.client(signals);
  if (options.all) return PruneAll(context, options, signals);
  Progress progress(context.output().json());
  const auto pruned = PruneOne(context, options, options.session_id, progress);
  if (!pruned.ok()) return pruned.status();
  if (!context.output().json()) {
    return context.output().WriteLine(TextOf(options, absl::StrCat("session ", options.session_id), pruned->sizes));
  }
  Json json{{"session_id", options.session_id}};
  json.update(JsonOf(options, *pruned));
  return context.output().WriteJson(json);
}

}  // namespace

Command SessionPrune(Action* action) {
  const auto options = std::make_shared<PruneOptions>();
  Option session = Text("SESSION", &options->session_id, "The session's id");
  session.excludes = "--all";
  Command command =
      Leaf("prune", "Delete what Baileys fetches or makes anew, and tell how much of each type", options,
           {session, Flag("-a,--all", &options->all, "Every session"), Prefix(&options->prefix),
            profiles::List("--type", &options->types,
                           "device-list or sender-key-memory, which are the default; session or sender-key, with "
                           "--older-than; repeatable"),
            Age("--older-than", &options->older_than, "Only keys that have not changed for so long"),
            Flag("-n,--dry-run", &options->dry_run, "Tell what would be deleted, write nothing"),
            TakingLease(&options->write)},
           PruneSessions, action);
  command.footer =
      "The session's lease is taken for the time of the deletion; one that a bot has is refused, unless --steal. Idle "
      "Signal\nsessions are those that neither changed nor were used for so long. What ended early leaves nothing half "
      "done: run it again.\nWhat is safe to prune, and why: docs/pruning.md";
  return command;
}

}  // namespace authstate::cli

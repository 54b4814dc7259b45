#include "client/cli/commands/session_redact.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/check/session_check.h"
#include "client/cli/check/value_shape.h"
#include "client/cli/find_session.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"
#include "contract/json_members.h"
#include "contract/json_scanner.h"
#include "contract/version.h"

namespace authstate::cli {
namespace {

// How many different shapes of the values of a type are shown; the others are only counted.
constexpr std::size_t kMostShapes = 5;
// Numbers of creds that tell of faults, and of nobody.
constexpr absl::string_view kCounters[] = {"nextPreKeyId", "firstUnuploadedPreKeyId", "accountSyncCounter"};

// How often each shape is there, by its text.
using ShapeCounts = std::map<std::string, std::uint64_t>;

Json CredsShape(const Value& creds) {
  Json shape = ShapeOf(creds);
  if (!shape.is_object()) return shape;
  for (const absl::string_view counter : kCounters) {
    const std::optional<absl::string_view> number = FindMember(creds.bytes, {counter});
    const std::string name(counter);
    if (number.has_value() && shape[name] == "number") shape[name] = Json::parse(*number);
  }
  const std::optional<absl::string_view> jid = FindMember(creds.bytes, {"me", "id"});
  if (jid.has_value() && jid->front() == '"') {
    shape["me"]["id"] = HidePhoneNumbers(UnescapeJsonString(*jid).value_or(""));
  }
  return shape;
}

Json ShapesOfType(const ShapeCounts& counts) {
  std::vector<std::pair<std::uint64_t, absl::string_view>> ranked;
  for (const auto& [shape, count] : counts) ranked.emplace_back(count, shape);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  Json shapes = Json::array();
  for (const auto& [count, shape] : ranked) {
    if (shapes.size() == kMostShapes) break;
    shapes.push_back({{"count", count}, {"shape", Json::parse(shape)}});
  }
  return shapes;
}

}  // namespace

absl::Status WriteRedacted(CommandContext& context, const std::string& session_id) {
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  const auto session = FindSession(client, session_id);
  if (!session.ok()) return session.status();
  if (!session->has_value()) return absl::NotFoundError(absl::StrCat("session ", session_id, " does not exist"));

  SessionCheck check;
  Json creds;
  std::map<std::string, ShapeCounts> shapes;
  absl::Status loaded = client.LoadSession(session_id, 0, [&](const client::SessionPage& page) {
    if (page.creds.has_value()) {
      check.AddCreds(*page.creds);
      creds = CredsShape(*page.creds);
    }
    for (const client::KeyEntry& key : page.keys) {
      check.AddKey(key);
      ++shapes[key.name.type][ToText(ShapeOf(key.value))];
    }
    return signals.Check();
  });
  // Damage is what a report may be about.
  if (!loaded.ok() && !absl::IsDataLoss(loaded)) return loaded;
  const SessionReport report = std::move(check).Finish();

  Json findings = Json::array();
  for (const Finding& finding : report.findings) {
    findings.push_back({{"reason", finding.reason}, {"message", HidePhoneNumbers(finding.message)}});
  }
  Json keys = Json::array();
  for (const auto& [type, size] : report.types) {
    keys.push_back({{"type", HidePhoneNumbers(type)},
                    {"count", size.count},
                    {"bytes", size.bytes},
                    {"shapes", ShapesOfType(shapes[type])},
                    {"different_shapes", shapes[type].size()}});
  }
  Json largest = Json::array();
  for (const LargeValue& value : report.largest) {
    largest.push_back({{"type", HidePhoneNumbers(value.name.type)}, {"bytes", value.bytes}});
  }
  return context.output().WriteJson(
      {{"authstatectl", kVersion},
       {"session_id", HidePhoneNumbers(session_id)},
       {"state", loaded.ok() ? NameOf(report.state) : "damaged"},
       {"read_whole", loaded.ok()},
       {"failure", loaded.ok() ? Json() : Json(HidePhoneNumbers(std::string(loaded.message())))},
       {"findings", findings},
       {"revision", (*session)->revision},
       {"update_time", TimeText((*session)->update_time)},
       {"owned", !(*session)->lease.owner.empty()},
       {"creds_bytes", report.creds_bytes.has_value() ? Json(*report.creds_bytes) : Json()},
       {"creds", creds},
       {"keys", keys},
       {"largest", largest}});
}

}  // namespace authstate::cli

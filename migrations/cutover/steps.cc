#include "migrations/cutover/steps.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "migrations/cutover/toml_tables.h"
#include "migrations/tables/whole_file.h"
#include "storage/absolute_path.h"

namespace authstate::cutover {
namespace {

constexpr absl::Duration kLongestStep = absl::Hours(24);

// The texts of a step, and whether each has to be there.
struct Key {
  const char* name;
  std::string Step::*text;
  bool required;
};
constexpr Key kKeys[] = {{"name", &Step::name, true},  {"about", &Step::about, true},
                         {"run", &Step::run, true},    {"check", &Step::check, true},
                         {"undo", &Step::undo, false}, {"undone", &Step::undone, false}};

absl::Status Wrong(absl::string_view key, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", what));
}

bool IsName(absl::string_view name) {
  return absl::ascii_islower(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-'; });
}

absl::StatusOr<Step> ToStep(TomlTable table, const std::vector<Step>& before) {
  Step step;
  for (const Key& key : kKeys) {
    const auto found = table.find(key.name);
    if (found == table.end()) {
      if (key.required) return Wrong(key.name, "is missing");
      continue;
    }
    if (absl::StripAsciiWhitespace(found->second).empty()) return Wrong(key.name, "is empty");
    step.*key.text = std::move(found->second);
    table.erase(found);
  }
  if (!IsName(step.name)) return Wrong("name", "begins with a to z, and has only these, 0 to 9 and -");
  if (std::any_of(before.begin(), before.end(), [&](const Step& other) { return other.name == step.name; })) {
    return Wrong("name", "is that of an earlier step too");
  }
  if (step.undo.empty() && !step.undone.empty()) return Wrong("undone", "needs undo");
  const auto at_most = table.find("at_most");
  if (at_most == table.end()) return Wrong("at_most", "is missing");
  if (!absl::ParseDuration(at_most->second, &step.at_most) || step.at_most < absl::Milliseconds(1) ||
      step.at_most > kLongestStep) {
    return Wrong("at_most", "a time from 1ms to 24h is expected, such as 90s");
  }
  table.erase(at_most);
  if (!table.empty()) return Wrong(table.begin()->first, "is no key of a step");
  return step;
}

std::string Sha256(absl::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
}

}  // namespace

absl::StatusOr<Steps> ParseSteps(absl::string_view text) {
  absl::StatusOr<std::vector<TomlTable>> tables = ParseTomlTables(text, "step");
  if (!tables.ok()) return tables.status();
  if (tables->empty()) return absl::InvalidArgumentError("it has no [[step]]");
  Steps steps;
  steps.digest = Sha256(text);
  for (TomlTable& table : *tables) {
    const auto name = table.find("name");
    const std::string place =
        absl::StrCat("step ", steps.steps.size() + 1, name == table.end() ? "" : absl::StrCat(" (", name->second, ")"));
    absl::StatusOr<Step> step = ToStep(std::move(table), steps.steps);
    if (!step.ok()) return absl::InvalidArgumentError(absl::StrCat(place, ": ", step.status().message()));
    steps.steps.push_back(*std::move(step));
  }
  return steps;
}

absl::StatusOr<Steps> ReadSteps(const std::string& path) {
  const absl::StatusOr<std::string> text = tables::ReadWhole(path);
  if (!text.ok()) return text.status();
  absl::StatusOr<Steps> steps = ParseSteps(*text);
  if (steps.ok()) return steps;
  return absl::InvalidArgumentError(absl::StrCat(storage::AbsolutePath(path), ": ", steps.status().message()));
}

}  // namespace authstate::cutover

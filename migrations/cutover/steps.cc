#include "migrations/cutover/steps.h"

#include <sodium.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "migrations/tables/whole_file.h"
#include "storage/absolute_path.h"

namespace authstate::cutover {
namespace {

constexpr absl::Duration kLongestStep = absl::Hours(24);
constexpr char kStep[] = "step";

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

absl::StatusOr<Step> ToStep(const toml::table& table, const std::vector<Step>& before) {
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : table) {
    const std::string name(key.str());
    const auto text = value.value_exact<std::string>();
    if (!text.has_value()) return Wrong(name, "a text in quotes is expected");
    if (absl::StripAsciiWhitespace(*text).empty()) return Wrong(name, "is empty");
    texts.emplace(name, *text);
  }
  Step step;
  for (const Key& key : kKeys) {
    const auto found = texts.find(key.name);
    if (found == texts.end() && key.required) return Wrong(key.name, "is missing");
    if (found == texts.end()) continue;
    step.*key.text = std::move(found->second);
    texts.erase(found);
  }
  if (!IsName(step.name)) return Wrong("name", "begins with a to z, and has only these, 0 to 9 and -");
  if (std::any_of(before.begin(), before.end(), [&](const Step& other) { return other.name == step.name; })) {
    return Wrong("name", "is that of an earlier step too");
  }
  if (step.undo.empty() && !step.undone.empty()) return Wrong("undone", "needs undo");
  const auto at_most = texts.find("at_most");
  if (at_most == texts.end()) return Wrong("at_most", "is missing");
  if (!absl::ParseDuration(at_most->second, &step.at_most) || step.at_most < absl::Milliseconds(1) ||
      step.at_most > kLongestStep) {
    return Wrong("at_most", "a time from 1ms to 24h is expected, such as 90s");
  }
  texts.erase(at_most);
  if (!texts.empty()) return Wrong(texts.begin()->first, "is no key of a step");
  return step;
}

absl::StatusOr<toml::table> ParseToml(absl::string_view text) {
  try {
    return toml::parse(std::string_view(text.data(), text.size()));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("line ", error.source().begin.line, ": ", std::string(error.description())));
  }
}

std::string Sha256(absl::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  std::array<char, 2 * crypto_hash_sha256_BYTES + 1> hex{};
  return sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
}

}  // namespace

absl::StatusOr<Steps> ParseSteps(absl::string_view text) {
  const absl::StatusOr<toml::table> file = ParseToml(text);
  if (!file.ok()) return file.status();
  for (const auto& [key, value] : *file) {
    if (key.str() != kStep || !value.is_array_of_tables()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", value.source().begin.line, ": ", std::string(key.str()),
                                                     ": only [[step]] may stand there"));
    }
  }
  if (file->empty()) return absl::InvalidArgumentError("it has no [[step]]");
  Steps steps;
  steps.digest = Sha256(text);
  for (const toml::node& node : *file->get_as<toml::array>(kStep)) {
    const toml::table& table = *node.as_table();
    const std::string name = table["name"].value_or(std::string());
    const std::string place =
        absl::StrCat("step ", steps.steps.size() + 1, name.empty() ? "" : absl::StrCat(" (", name, ")"));
    absl::StatusOr<Step> step = ToStep(table, steps.steps);
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

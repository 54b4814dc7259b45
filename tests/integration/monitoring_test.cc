// What deploy/monitoring says to Prometheus and Alertmanager.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "tests/support/subprocess.h"

namespace authstate {
namespace {

using ::testing::Contains;

const std::string kFolder = AUTHSTATE_MONITORING_DIR;

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

Ran RunToEnd(std::vector<std::string> argv) {
  auto process = test::Subprocess::Start({std::move(argv), {}});
  EXPECT_TRUE(process.ok()) << process.status();
  if (!process.ok()) return {};
  const auto exit = (*process)->Wait(absl::Minutes(2));
  EXPECT_TRUE(exit.ok()) << exit.status();
  return {exit.ok() ? exit->code.value_or(-1) : -1, (*process)->output(test::Subprocess::Stream::kStdout),
          (*process)->output(test::Subprocess::Stream::kStderr)};
}

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// The first group of every match.
std::vector<std::string> All(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) found.push_back((*at)[1]);
  return found;
}

TEST(MonitoringTest, TheRulesPassTheirTests) {
  const Ran ran = RunToEnd({"promtool", "test", "rules", kFolder + "/authstate.rules.test.yml"});
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  const Ran checked = RunToEnd({"promtool", "check", "rules", kFolder + "/authstate.rules.yml"});
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
}

TEST(MonitoringTest, EachAlertIsShownToFireAndNotToAndHasASectionInTheRunbook) {
  const std::string rules = Read(kFolder + "/authstate.rules.yml");
  const std::string tests = Read(kFolder + "/authstate.rules.test.yml");
  const std::vector<std::string> alerts = All(rules, "- alert: (\\w+)");
  EXPECT_GT(alerts.size(), 15);
  // A test without `exp_alerts` has it not fire.
  for (const std::string& alert : alerts) {
    EXPECT_THAT(All(tests, absl::StrCat("alertname: (", alert, ")\\n        exp_alerts:")), Contains(alert));
    EXPECT_THAT(All(tests, absl::StrCat("alertname: (", alert, ")\\n(?!        exp_alerts:)")), Contains(alert));
  }
  const std::string runbook = Read(AUTHSTATE_RUNBOOK);
  std::set<std::string> sections;
  for (const std::string& heading : All(runbook, "\\n## (\\w+)\\n")) sections.insert(absl::AsciiStrToLower(heading));
  std::set<std::string> named;
  for (const std::string& anchor : All(rules, "runbook: docs/runbook.md#(\\w+)")) named.insert(anchor);
  EXPECT_EQ(named, sections);
  EXPECT_EQ(All(rules, "(runbook): ").size(), alerts.size());
}

TEST(MonitoringTest, TheRulesAskForMetricsThatThereAre) {
  const std::string page = Read(AUTHSTATE_METRICS_PAGE);
  // The pages of what commands leave for node_exporter, by how its name begins.
  const std::map<std::string, std::string> pages = {{"authstate_backup_", Read(AUTHSTATE_BACKUP_PAGE)},
                                                    {"authstate_decommission_", Read(AUTHSTATE_DECOMMISSION_PAGE)}};
  for (std::string name : All(Read(kFolder + "/authstate.rules.yml"), "((?:authstate|grpc_server)_[a-z_]+)\\b")) {
    name = std::regex_replace(name, std::regex("_(bucket|count|sum)$"), "");
    const auto left = std::find_if(pages.begin(), pages.end(),
                                   [&name](const auto& each) { return absl::StartsWith(name, each.first); });
    if (left != pages.end()) {
      EXPECT_THAT(left->second, testing::HasSubstr(name));
      continue;
    }
    EXPECT_THAT(All(page, absl::StrCat("\\| `(", name, ")` \\|")), Contains(name));
  }
}

TEST(MonitoringTest, AlertsReachWhomTheyAreFor) {
  const std::string config = kFolder + "/alertmanager.yml";
  const Ran checked = RunToEnd({"amtool", "check-config", config});
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  const auto receiver = [&config](const std::vector<std::string>& labels) {
    std::vector<std::string> argv = {"amtool", "config", "routes", "test", "--config.file=" + config};
    argv.insert(argv.end(), labels.begin(), labels.end());
    return std::string(absl::StripAsciiWhitespace(RunToEnd(std::move(argv)).out));
  };
  // What backups and the look at an old database leave in files has the job of node_exporter.
  for (const char* const alert : {"alertname=AuthstateDown job=authstate", "alertname=AuthstateBackupStale job=node",
                                  "alertname=AuthstateDecommissionAsked job=node"}) {
    for (const auto& [severity, expected] :
         std::map<std::string, std::string>{{"critical", "pager"}, {"warning", "mail"}}) {
      std::vector<std::string> labels = absl::StrSplit(alert, ' ');
      labels.push_back("severity=" + severity);
      EXPECT_EQ(receiver(labels), expected) << alert;
    }
  }
  // Nobody is paged by what is not ours.
  EXPECT_EQ(receiver({"alertname=Other", "job=other", "severity=critical"}), "mail");
  // Every severity of the rules has a route.
  for (const std::string& severity : All(Read(kFolder + "/authstate.rules.yml"), "severity: (\\w+)")) {
    EXPECT_TRUE(severity == "critical" || severity == "warning") << severity;
  }
}

}  // namespace
}  // namespace authstate

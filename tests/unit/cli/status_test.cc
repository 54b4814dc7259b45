#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "client/cli/status/status_screen.h"
#include "client/cli/status/status_text.h"
#include "client/cli/status_source.h"

namespace authstate::cli {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

Json Example() {
  return Json::parse(R"({
    "version": "0.1.0", "now": "2026-11-30T12:00:00Z", "address": "127.0.0.1:50051", "ready": true, "reasons": [],
    "database": {"answers": true, "since": "2026-11-30T11:00:00Z"},
    "backends": [
      {"name": "postgres", "serving": true, "location": "db:5432/auth", "layout": "native", "tls": "TLSv1.3",
       "last_minute": {"statements": 10, "errors": 1, "median_ms": 0.25, "p95_ms": 12, "p99_ms": 1500},
       "errors_by_class": {"deadline": 2}},
      {"name": "timeweb", "serving": false, "last_asked": "2026-11-30T11:57:00Z"},
      {"name": "sqlite", "serving": false, "last_asked": null}],
    "sessions": {"sessions": 1010, "without_creds": 10, "leased": 3, "idle": 4, "bytes": 2048,
      "states": {"paired": 90, "half-paired": 10, "orphaned": 10, "damaged": 0}, "states_of": 100,
      "listed": "2026-11-30T11:59:00Z"},
    "backup": {"last_success_timestamp_seconds": 1795867200, "last_sessions": 7, "last_unread_sessions": 0},
    "history": {"step_seconds": 5, "requests": [0, 50, 100], "failures": [0, 0, 5], "p50_ms": [null, 1, 2],
      "p95_ms": [null, 1, 2], "p99_ms": [null, 4, 8]}})");
}

std::string TextOf(const std::vector<std::string>& lines) { return absl::StrJoin(lines, "\n"); }
std::string All(const Json& status) { return TextOf(StatusLines(status, nullptr, {}, /*colours=*/false)); }

TEST(StatusTest, ToldInWordsWithWhatNeedsALookMarked) {
  const std::string text = All(Example());
  EXPECT_THAT(text, AllOf(HasSubstr("serving since 2026-11-30T11:00:00Z"), HasSubstr("db:5432/auth"),
                          HasSubstr("0.25 ms, 12 ms, 1.5 s"), HasSubstr("deadline 2"), HasSubstr("asked 3 min ago"),
                          HasSubstr("not asked\n"), HasSubstr("8 ms, at most 8 ms"), HasSubstr("20/s, at most 20/s")));
  // 100 of 1,000 sessions with creds were looked at.
  EXPECT_THAT(text, AllOf(HasSubstr("about 900"), HasSubstr("! half-paired      about 100"),
                          HasSubstr("! orphaned         10"), HasSubstr("  damaged          0")));
  EXPECT_THAT(text, HasSubstr("! last one         2 days ago")) << "a backup of two days ago";
  EXPECT_THAT(text, Not(HasSubstr("\033")));
}

TEST(StatusTest, MaintenanceLostRecordsAndABackupThatNobodyHasTriedAreMarked) {
  Json status = Example();
  EXPECT_THAT(All(status), HasSubstr("! restored         on trial: never"));
  status["backup"]["drill_last_success_timestamp_seconds"] = 1795435200;
  EXPECT_THAT(All(status), HasSubstr("  restored         on trial 7 days ago"));
  status["backup"]["drill_last_success_timestamp_seconds"] = 1795348800;
  EXPECT_THAT(All(status), HasSubstr("! restored         on trial 8 days ago"));
  status["maintenance"] = {{"since", "2026-11-30T11:50:00Z"}, {"reason", "new disk"}, {"held", 2}, {"refused", 31}};
  status["audit"] = {{"failing", false}, {"waiting", 0}, {"lost", 5}};
  EXPECT_THAT(All(status), AllOf(HasSubstr("! maintenance      since 10 min ago: new disk"),
                                 HasSubstr("  held calls       2"), HasSubstr("  refused calls    31"),
                                 HasSubstr("  audit log        is written"), HasSubstr("! records lost     5")));
}

TEST(StatusTest, AServerThatDoesNotServeSaysWhy) {
  Json status = Example();
  status["ready"] = false;
  status["reasons"] = {{{"reason", "DATABASE_UNAVAILABLE"}, {"message", "no good sign of life"}}};
  status["database"]["answers"] = false;
  EXPECT_THAT(All(status), AllOf(HasSubstr("! NOT serving DATABASE_UNAVAILABLE: no good sign of life"),
                                 HasSubstr("! answers          no")));
}

TEST(StatusTest, WhatIsMissingOrOfAnotherKindIsLeftOut) {
  EXPECT_THAT(All(Json::object()), HasSubstr("NOT serving"));
  Json strange = Example();
  for (auto& [name, value] : strange.items()) {
    Json other = strange;
    other[name] = 7;
    EXPECT_NE(All(other), "") << name;
    other[name] = Json::array({Json::array()});
    EXPECT_NE(All(other), "") << name;
  }
}

TEST(StatusTest, NoTextOfTheServerSteersTheTerminal) {
  Json status = Example();
  status["backends"][0]["location"] = "\033]0;x\007";
  status["backends"][1]["name"] = "\033[2J";
  status["leases"] = {{"\033[2J", 1}};
  EXPECT_THAT(All(status), AllOf(Not(HasSubstr("\033")), Not(HasSubstr("\007"))));
}

TEST(StatusTest, LinesFitTheTerminalAndWhatDoesNotIsCounted) {
  const LostServer lost = {"2026-11-30T12:00:00Z", "connection refused"};
  for (const std::size_t columns : {20, 40, 80, 100, 200}) {
    const auto lines = StatusLines(Example(), &lost, {columns, 30}, /*colours=*/false);
    EXPECT_LE(lines.size(), 30);
    for (const std::string& line : lines) {
      const auto begins = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; };
      EXPECT_LT(std::count_if(line.begin(), line.end(), begins), columns) << line;
    }
    EXPECT_THAT(lines.front(), HasSubstr("! no answer"));
  }
  const std::string small = TextOf(StatusLines(Example(), nullptr, {80, 24}, false));
  EXPECT_THAT(small, AllOf(HasSubstr("lines more"), HasSubstr("! Sessions         half-paired about 100"),
                           HasSubstr("! Backup           last one 2 days ago")))
      << "what needs a look is seen on a small screen too";
}

TEST(StatusTest, BarsAreAsHighAsTheirValues) {
  EXPECT_EQ(Bars(Json::parse("[0, 1, 2, 4, null, 8]"), 10), "▁▂▃▅ █");
  EXPECT_EQ(Bars(Json::parse("[8, 0, 1]"), 2), "▁█");
  EXPECT_EQ(Bars(Json::parse("[0, 0]"), 10), "▁▁");
}

TEST(StatusTest, AUrlSaysWhereTheServerIsAndNoTokenGoesThereInTheOpen) {
  EXPECT_EQ(StatusServer("http://127.0.0.1:50080", std::nullopt, true, false)->address, "127.0.0.1:50080");
  EXPECT_EQ(StatusServer("http://[::1]:50080/", std::nullopt, true, false)->address, "[::1]:50080");
  EXPECT_EQ(StatusServer("unix:/run/http.sock", std::nullopt, true, false)->address, "unix:/run/http.sock");
  EXPECT_TRUE(StatusServer("https://db:50080", client::Tls{}, true, false)->tls.has_value());
  EXPECT_TRUE(StatusServer("http://db:50080", std::nullopt, true, true).ok());
  EXPECT_THAT(std::string(StatusServer("http://db:50080", std::nullopt, true, false).status().message()),
              HasSubstr("in plain text"));
  EXPECT_THAT(std::string(StatusServer("https://db:50080", std::nullopt, false, false).status().message()),
              HasSubstr("--ca"));
  for (const char* const url : {"", "127.0.0.1:50080", "ftp://a:1", "http://a", "http://:1", "http://a:b", "unix:"}) {
    EXPECT_FALSE(CheckStatusUrl(url).ok()) << url;
  }
}

}  // namespace
}  // namespace authstate::cli

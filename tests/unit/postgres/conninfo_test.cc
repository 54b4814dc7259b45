#include "storage/postgres/connection/conninfo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <map>
#include <string>

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::map<std::string, std::string> Settings(const std::string& conninfo) {
  std::map<std::string, std::string> settings;
  PQconninfoOption* const options = PQconninfoParse(conninfo.c_str(), nullptr);
  EXPECT_NE(options, nullptr);
  for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option) {
    if (option->val != nullptr) settings.emplace(option->keyword, option->val);
  }
  PQconninfoFree(options);
  return settings;
}

Conninfo Parse(const std::string& url) {
  const auto conninfo = ParseConninfo(url, absl::Seconds(5));
  EXPECT_TRUE(conninfo.ok()) << conninfo.status();
  return conninfo.value_or(Conninfo{});
}

TEST(ConninfoTest, AddsWhatTheUserDidNotSay) {
  auto settings = Settings(Parse("postgresql://u@db.example/auth").text);
  EXPECT_EQ(settings["host"], "db.example");
  EXPECT_EQ(settings["dbname"], "auth");
  EXPECT_EQ(settings["connect_timeout"], "5");
  EXPECT_EQ(settings["keepalives_idle"], "30");
  EXPECT_EQ(settings["tcp_user_timeout"], "15000");
  EXPECT_EQ(settings["target_session_attrs"], "any");
  EXPECT_EQ(settings["application_name"], "authstated");
  EXPECT_EQ(settings["client_encoding"], "UTF8");
  // A pooler refuses it.
  EXPECT_EQ(settings.count("options"), 0U);
}

TEST(ConninfoTest, OfSeveralHostsTheOneThatTakesWritesIsMeant) {
  const Conninfo several = Parse("postgresql://u@a,b/d");
  EXPECT_EQ(Settings(several.text)["target_session_attrs"], "read-write");
  EXPECT_TRUE(several.writes);
  const Conninfo any = Parse("postgresql://u@a/d?target_session_attrs=any");
  EXPECT_FALSE(any.writes);
  EXPECT_TRUE(Parse("postgresql://u@a/d").writes);
}

TEST(ConninfoTest, KeepsWhatTheUserSaid) {
  auto settings =
      Settings(Parse("postgresql://u@h/d?connect_timeout=9&application_name=mine&sslmode=verify-full").text);
  EXPECT_EQ(settings["connect_timeout"], "9");
  EXPECT_EQ(settings["application_name"], "mine");
  EXPECT_EQ(settings["sslmode"], "verify-full");
}

TEST(ConninfoTest, PasswordOfAnyCharactersIsKept) {
  const std::string password = R"(a}|<?'\ "%=&)";
  EXPECT_EQ(Settings(Parse(R"(host=h dbname=d password='a}|<?\'\\ "%=&')").text)["password"], password);
  const Conninfo url = Parse("postgresql://u:a%7D%7C%3C%3F%27%5C%20%22%25%3D%26@h/d");
  EXPECT_EQ(Settings(url.text)["password"], password);
  EXPECT_EQ(url.password, password);
}

TEST(ConninfoTest, LocationNamesHostPortAndDatabaseAndNoSecret) {
  EXPECT_EQ(Parse("postgresql://u:secret@db.example:6543/auth").location, "db.example:6543/auth");
  EXPECT_EQ(Parse("postgresql://u:secret@[::1]:6543/auth").location, "[::1]:6543/auth");
  EXPECT_EQ(Parse("postgresql://u@a:1,b:2/auth").location, "a:1,b:2/auth");
  EXPECT_EQ(Parse("host=a,b port=7 dbname=auth password=secret").location, "a:7,b:7/auth");
  EXPECT_EQ(Parse("postgresql://who@h:1").location, "h:1/who");
}

TEST(ConninfoTest, WhatCannotBeReadIsRefusedWithoutQuotingIt) {
  for (const char* url : {"postgresql://u:secret@[::1/d", "host=h password='secret", "postgresql://u:secret%zz@h/d",
                          "secret", "postgresql://h/d?secret=1"}) {
    const auto conninfo = ParseConninfo(url, absl::Seconds(5));
    EXPECT_EQ(conninfo.status().code(), absl::StatusCode::kInvalidArgument) << url;
    EXPECT_THAT(std::string(conninfo.status().message()), Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace authstate::storage

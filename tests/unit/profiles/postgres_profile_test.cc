#include "profiles/postgres_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "tests/support/temp_dir.h"

namespace authstate::profiles {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PostgresProfileTest : public testing::Test {
 protected:
  PostgresProfileTest() : ca_file_(directory_.File("ca.pem")) {
    std::ofstream(ca_file_) << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  }

  // A complete profile of a remote database.
  PostgresProfile Remote() const {
    PostgresProfile profile;
    profile.host = "db.example";
    profile.database = "auth";
    profile.user = "u";
    profile.ca_file = ca_file_;
    return profile;
  }

  std::string Write(const std::string& name, const std::string& text) const {
    std::string path = directory_.File(name);
    std::ofstream(path) << text;
    return path;
  }

  static PostgresTarget MustResolve(BackendChoice choice, const PostgresProfile& profile) {
    auto target = ResolveProfile(choice, profile);
    EXPECT_TRUE(target.ok()) << target.status();
    return target.ok() ? *std::move(target) : PostgresTarget{};
  }

  // As libpq reads what was put together.
  static std::map<std::string, std::string> Settings(BackendChoice choice, const PostgresProfile& profile) {
    std::map<std::string, std::string> settings;
    PQconninfoOption* const options = PQconninfoParse(MustResolve(choice, profile).options.url.c_str(), nullptr);
    EXPECT_NE(options, nullptr);
    for (const PQconninfoOption* option = options; option != nullptr && option->keyword != nullptr; ++option) {
      if (option->val != nullptr) settings.emplace(option->keyword, option->val);
    }
    PQconninfoFree(options);
    return settings;
  }

  // One line that has `part` and no secret.
  static void ExpectRefused(BackendChoice choice, const PostgresProfile& profile, const std::string& part) {
    const absl::Status status = ResolveProfile(choice, profile).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << part;
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr(part));
    EXPECT_THAT(message, Not(HasSubstr("s3cret")));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }

  const std::string& ca_file() const { return ca_file_; }

 private:
  test::TempDir directory_;
  const std::string ca_file_;
};

TEST_F(PostgresProfileTest, FieldsWinOverTheUrl) {
  PostgresProfile profile = Remote();
  profile.url = "postgresql://other:s3cret@old.example:1/olddb?sslmode=disable&application_name=mine";
  profile.port = "6543";
  profile.sslmode = "verify-full";
  auto settings = Settings(BackendChoice::kTimeweb, profile);
  EXPECT_EQ(settings["host"], "db.example");
  EXPECT_EQ(settings["port"], "6543");
  EXPECT_EQ(settings["dbname"], "auth");
  EXPECT_EQ(settings["user"], "u");
  EXPECT_EQ(settings["sslmode"], "verify-full");
  // What no field says stays as the URL has it.
  EXPECT_EQ(settings["password"], "s3cret");
  EXPECT_EQ(settings["application_name"], "mine");
}

TEST_F(PostgresProfileTest, AHostGivenByFieldIsNotOverruledByAnAddressInTheUrl) {
  PostgresProfile profile = Remote();
  profile.url = "host=old.example hostaddr=192.0.2.1";
  EXPECT_EQ(Settings(BackendChoice::kTimeweb, profile).count("hostaddr"), 0U);
}

TEST_F(PostgresProfileTest, APasswordOfAnyCharactersIsKept) {
  const std::string password = R"(a}|<?'\ "%=&@/:#)";
  PostgresProfile profile = Remote();
  profile.password = password;
  EXPECT_EQ(Settings(BackendChoice::kTimeweb, profile)["password"], password);

  profile.password.clear();
  profile.password_file = Write("password", password + "\n");
  EXPECT_EQ(Settings(BackendChoice::kTimeweb, profile)["password"], password);

  profile.password_file.clear();
  profile.url = "postgresql://u:a%7D%7C%3C%3F%27%5C%20%22%25%3D%26%40%2F%3A%23@h/d";
  EXPECT_EQ(Settings(BackendChoice::kTimeweb, profile)["password"], password);
}

TEST_F(PostgresProfileTest, AnUnencodedPasswordInTheUrlIsNamedAndNotQuoted) {
  for (const char* url : {"postgresql://u:s3cret@x@h/d", "postgresql://u:s3cret/x@h/d", "postgresql://u:s3cret%zz@h/d",
                          "postgresql://u:x/s3cret@h:5432/d?sslmode=require", "postgresql://u:s3cret@[::1/d",
                          "host=h password='s3cret"}) {
    PostgresProfile profile = Remote();
    profile.url = url;
    ExpectRefused(BackendChoice::kTimeweb, profile, "--timeweb-url cannot be read");
    ExpectRefused(BackendChoice::kTimeweb, profile, "%XX");
  }
}

TEST_F(PostgresProfileTest, AnAtSignInTheParametersOfAUrlIsNoMistake) {
  PostgresProfile profile = Remote();
  profile.url = "postgresql://u:s3cret@h/d?application_name=a@b";
  EXPECT_EQ(Settings(BackendChoice::kTimeweb, profile)["application_name"], "a@b");
}

TEST_F(PostgresProfileTest, ProvidersAreVerifiedInFullAndNeedACaFile) {
  for (const BackendChoice choice : {BackendChoice::kTimeweb, BackendChoice::kSupabase}) {
    EXPECT_EQ(Settings(choice, Remote())["sslmode"], "verify-full");
    EXPECT_EQ(Settings(choice, Remote())["sslrootcert"], ca_file());
    PostgresProfile profile = Remote();
    profile.ca_file.clear();
    ExpectRefused(choice, profile, "--" + NameOf(choice) + "-ca-file is required");
    // Also towards this machine: a tunnel to the provider ends there.
    profile.host = "127.0.0.1";
    ExpectRefused(choice, profile, "--" + NameOf(choice) + "-ca-file is required");
  }
}

TEST_F(PostgresProfileTest, TheCaFileIsLookedAtBeforeConnecting) {
  PostgresProfile profile = Remote();
  profile.ca_file = "/does/not/exist.pem";
  ExpectRefused(BackendChoice::kTimeweb, profile, "--timeweb-ca-file: /does/not/exist.pem: No such file");
  profile.ca_file = "relative.pem";
  ExpectRefused(BackendChoice::kTimeweb, profile,
                "--timeweb-ca-file: " + std::filesystem::absolute("relative.pem").string() + ": No such file");
  profile.ca_file = Write("key.pem", "-----BEGIN PRIVATE KEY-----\n");
  ExpectRefused(BackendChoice::kSupabase, profile, "no certificate in PEM format");
}

TEST_F(PostgresProfileTest, APlainProfileIsVerifiedAsSoonAsOneHostIsRemote) {
  PostgresProfile profile = Remote();
  for (const char* host : {"db.example", "192.0.2.1", "localhost,db.example", "127.evil.example", "2001:db8::1"}) {
    profile.host = host;
    EXPECT_EQ(Settings(BackendChoice::kPostgres, profile)["sslmode"], "verify-full") << host;
  }
  profile.ca_file.clear();
  ExpectRefused(BackendChoice::kPostgres, profile, "--postgres-ca-file");
  for (const char* host : {"localhost", "127.0.0.1", "::1", "/run/postgresql", "127.0.0.1,localhost"}) {
    profile.host = host;
    EXPECT_EQ(Settings(BackendChoice::kPostgres, profile)["sslmode"], "prefer") << host;
  }
}

TEST_F(PostgresProfileTest, AnAddressBesideALocalNameIsWhatCounts) {
  PostgresProfile profile;
  profile.url = "host=localhost hostaddr=192.0.2.1 dbname=d";
  ExpectRefused(BackendChoice::kPostgres, profile, "--postgres-ca-file");
}

TEST_F(PostgresProfileTest, AWeakerModeIsObeyedAndWarnedOf) {
  for (const char* mode : {"disable", "require", "verify-ca"}) {
    PostgresProfile profile = Remote();
    profile.sslmode = mode;
    EXPECT_EQ(Settings(BackendChoice::kTimeweb, profile)["sslmode"], mode);
    const PostgresTarget target = MustResolve(BackendChoice::kTimeweb, profile);
    ASSERT_EQ(target.warnings.size(), 1U) << mode;
    EXPECT_THAT(target.warnings.front(), HasSubstr(std::string("--timeweb-sslmode=") + mode));
  }
  EXPECT_THAT(MustResolve(BackendChoice::kTimeweb, Remote()).warnings, IsEmpty());
}

TEST_F(PostgresProfileTest, ModesThatFallBackToPlainTextAreRefusedForRemoteHosts) {
  for (const char* mode : {"prefer", "allow"}) {
    PostgresProfile profile = Remote();
    profile.sslmode = mode;
    ExpectRefused(BackendChoice::kTimeweb, profile, "fall back");
    profile.sslmode.clear();
    profile.url = std::string("host=h sslmode=") + mode;
    ExpectRefused(BackendChoice::kPostgres, profile, "fall back");
  }
  PostgresProfile unknown = Remote();
  unknown.sslmode = "full";
  ExpectRefused(BackendChoice::kTimeweb, unknown, "--timeweb-sslmode");
}

TEST_F(PostgresProfileTest, WhatIsMissingIsNamed) {
  ExpectRefused(BackendChoice::kPostgres, {}, "--postgres-host (or --postgres-url) is required");
  PostgresProfile profile = Remote();
  profile.host.clear();
  ExpectRefused(BackendChoice::kTimeweb, profile, "--timeweb-host is required");
  profile = Remote();
  profile.database.clear();
  ExpectRefused(BackendChoice::kSupabase, profile, "--supabase-database is required");
  profile = Remote();
  profile.user.clear();
  ExpectRefused(BackendChoice::kTimeweb, profile, "--timeweb-user is required");
}

TEST_F(PostgresProfileTest, APasswordFileMustBeThereAndTheOnlyPassword) {
  PostgresProfile profile = Remote();
  profile.password_file = "/does/not/exist";
  ExpectRefused(BackendChoice::kTimeweb, profile, "--timeweb-password-file: /does/not/exist: No such file");
  profile.password_file = "relative";
  ExpectRefused(BackendChoice::kTimeweb, profile,
                "--timeweb-password-file: " + std::filesystem::absolute("relative").string() + ": No such file");
  profile.password_file = Write("empty", "");
  ExpectRefused(BackendChoice::kTimeweb, profile, "the file is empty");
  profile.password_file = Write("password", "s3cret\n");
  profile.password = "s3cret";
  ExpectRefused(BackendChoice::kTimeweb, profile, "--timeweb-password and the file");
}

TEST_F(PostgresProfileTest, PoolerAndLayoutGoToTheDriver) {
  PostgresProfile profile = Remote();
  EXPECT_EQ(MustResolve(BackendChoice::kSupabase, profile).options.pooler, storage::PoolerMode::kDetect);
  EXPECT_EQ(MustResolve(BackendChoice::kSupabase, profile).options.layout, storage::PostgresLayout::kDetect);
  profile.pooler = "transaction";
  profile.layout = "legacy";
  const PostgresTarget target = MustResolve(BackendChoice::kSupabase, profile);
  EXPECT_EQ(target.options.name, "supabase");
  EXPECT_EQ(target.options.pooler, storage::PoolerMode::kTransaction);
  EXPECT_EQ(target.options.layout, storage::PostgresLayout::kLegacy);
}

}  // namespace
}  // namespace authstate::profiles

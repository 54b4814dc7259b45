// The words are those of libpq 15 and 17, PostgreSQL 15, PgBouncer 1.18 and Supavisor; tests/integration meets the
// real ones.
#include "storage/postgres/connection/connect_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "storage/error.h"

namespace authstate::storage {
namespace {

using ::testing::HasSubstr;

TEST(ConnectErrorTest, TheStateDecidesInEveryLanguage) {
  EXPECT_EQ(
      ClassifyConnectError("connection to server at \"h\", port 5432 failed: ВАЖНО:  28P01: пользователь \"u\" не "
                           "прошёл проверку подлинности (по паролю)\n"),
      ConnectFault::kPasswordWrong);
  EXPECT_EQ(ClassifyConnectError("FATAL:  3D000: database \"x\" does not exist"), ConnectFault::kUnknownDatabase);
  EXPECT_EQ(ClassifyConnectError("FATAL:  28000: role \"x\" does not exist"), ConnectFault::kUnknownRole);
  EXPECT_EQ(ClassifyConnectError("ВАЖНО:  28000: в pg_hba.conf нет записи для узла"), ConnectFault::kNotAllowed);
  EXPECT_EQ(ClassifyConnectError("FATAL:  42501: permission denied for database"), ConnectFault::kNotAllowed);
  EXPECT_EQ(ClassifyConnectError("FATAL:  53300: too many connections for role"), ConnectFault::kTooManyConnections);
  EXPECT_EQ(ClassifyConnectError("FATAL:  57P03: the database system is starting up"), ConnectFault::kNotReady);
}

TEST(ConnectErrorTest, PoolersSayTheCauseInWords) {
  EXPECT_EQ(ClassifyConnectError("FATAL:  08P01: no such database: x"), ConnectFault::kUnknownDatabase);
  EXPECT_EQ(ClassifyConnectError("FATAL:  08P01: database \"x\" does not exist"), ConnectFault::kUnknownDatabase);
  EXPECT_EQ(ClassifyConnectError("FATAL:  08P01: no such user"), ConnectFault::kUnknownRole);
  EXPECT_EQ(ClassifyConnectError("FATAL:  XX000: Tenant or user not found"), ConnectFault::kUnknownRole);
  EXPECT_EQ(ClassifyConnectError("FATAL:  08P01: something new"), ConnectFault::kOther);
  for (const char* full :
       {"FATAL:  08P01: no more connections allowed (max_client_conn)", "FATAL:  query_wait_timeout",
        ("FATAL:  XX000: MaxClientsInSessionMode: max clients reached - in Session mode max clients are limited to "
         "pool_size"),
        "FATAL:  XX000: Max client connections reached",
        "FATAL:  XX000: (EMAXCONNSESSION) max clients reached in session mode",
        "FATAL:  XX000: (ECHECKOUTTIMEOUT) unable to check out connection from the pool after 60000ms",
        "FATAL:  sorry, too many clients already", "FATAL:  too many connections for role \"u\"",
        "FATAL:  remaining connection slots are reserved for non-replication superuser connections"}) {
    EXPECT_EQ(ClassifyConnectError(full), ConnectFault::kTooManyConnections) << full;
  }
}

TEST(ConnectErrorTest, LibpqsOwnWordsAreKnown) {
  EXPECT_EQ(ClassifyConnectError("could not translate host name \"x\" to address: Name or service not known"),
            ConnectFault::kUnknownHost);
  EXPECT_EQ(ClassifyConnectError("server does not support SSL, but SSL was required"), ConnectFault::kNoTls);
  EXPECT_EQ(ClassifyConnectError("SSL error: certificate verify failed"), ConnectFault::kUntrusted);
  EXPECT_EQ(ClassifyConnectError("server certificate for \"a\" (and 1 other name) does not match host name \"b\""),
            ConnectFault::kOtherName);
  EXPECT_EQ(ClassifyConnectError("could not read root certificate file \"x\": no certificate or crl found"),
            ConnectFault::kBadCaFile);
  EXPECT_EQ(ClassifyConnectError("fe_sendauth: no password supplied"), ConnectFault::kPasswordMissing);
  EXPECT_EQ(ClassifyConnectError("session is read-only"), ConnectFault::kStandby);
  EXPECT_EQ(ClassifyConnectError("words of a later version"), ConnectFault::kOther);
}

TEST(ConnectErrorTest, SaysWhereWhatAndWhatToDo) {
  const ConnectAttempt attempt = {"timeweb", "db.example:5432/auth", "u", "auth"};
  const absl::Status refused = ConnectError(ConnectFault::kPasswordWrong, attempt);
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(ReasonOf(refused), std::string(kDatabaseRefused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("db.example:5432/auth"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--timeweb-password"));

  const absl::Status away = ConnectError(ConnectFault::kClosedPort, attempt);
  EXPECT_EQ(away.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ReasonOf(away), std::string(kDatabaseUnavailable));
}

}  // namespace
}  // namespace authstate::storage

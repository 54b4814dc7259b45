// A switch between two databases of one server, with `authstatectl backend switch`, under load.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "tests/fault/fault_test.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_pgbouncer.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kCopyPatience = absl::Minutes(2);

class SwitchTest : public FaultTest {
 protected:
  void StartServerOn(const std::string& timeweb, const std::string& supabase) {
    StartServerWith({"--backend", "timeweb", "--timeweb-url", WithoutTls(timeweb), "--supabase-url",
                     WithoutTls(supabase), "--health-interval-ms", "100"});
  }

  CliResult Switch(const std::string& target, const std::string& max_pause = "30s") {
    return CliRunner(server().address())
        .Run({"backend", "switch", target, "--yes", "--max-pause", max_pause, "--json"});
  }
  void MustSwitch(const std::string& target) {
    const CliResult result = Switch(target);
    ASSERT_EQ(result.code, 0) << result.err << result.out;
    Report(
        absl::StrCat("switch to ", target, ": calls were held for ",
                     absl::FormatDuration(absl::Trunc(absl::Milliseconds(result.OutJson().at("pause_ms").get<double>()),
                                                      absl::Microseconds(100)))));
  }

  // Makes the database at `to` what the one at `from` is.
  static void Copy(const std::string& from, const std::string& to) {
    auto copy = Subprocess::Start({{"/bin/bash", "-c",
                                    (R"(set -o pipefail; pg_dump --clean --if-exists "$1" | )"
                                     R"(psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 "$2" >/dev/null)"),
                                    "copy", from, to},
                                   /*environment=*/{}});
    ASSERT_TRUE(copy.ok()) << copy.status();
    const auto exit = (*copy)->Wait(kCopyPatience);
    ASSERT_TRUE(exit.ok()) << exit.status();
    ASSERT_EQ(exit->code, 0) << (*copy)->output(Subprocess::Stream::kStderr);
  }

 private:
  static std::string WithoutTls(const std::string& url) { return absl::StrCat(url, "?sslmode=disable"); }
};

// Both names lead to one database, directly and through a pooler: what one acknowledges the other has.
TEST_F(SwitchTest, ThereAndBackUnderLoadNoCallFails) {
  ASSERT_NO_FATAL_FAILURE(StartPostgres());
  auto pooler = TestPgBouncer::Create({TestPgBouncer::Mode::kTransaction, postgres().port()});
  ASSERT_TRUE(pooler.ok()) << pooler.status();
  ASSERT_NO_FATAL_FAILURE(StartServerOn(url(), (*pooler)->Through(url())));
  Load::Options patient;
  patient.deadline = absl::Seconds(30);
  StartLoad(patient);
  for (int i = 0; i < Repeats(2); ++i) {
    for (const char* const target : {"supabase", "timeweb"}) {
      ASSERT_NO_FATAL_FAILURE(MustSwitch(target));
      load().AwaitAcknowledged(3);
    }
  }
  ExpectRecovery({});
}

// What was copied is switched to, with every commit; what has been written since is missed by the way back.
TEST_F(SwitchTest, ACopyIsTakenAndOneThatLacksACommitIsRefused) {
  ASSERT_NO_FATAL_FAILURE(StartPostgres());
  const auto other = postgres().NewDatabase();
  ASSERT_TRUE(other.ok()) << other.status();
  ASSERT_NO_FATAL_FAILURE(MakeTables(*other));
  ASSERT_NO_FATAL_FAILURE(StartServerOn(url(), *other));
  StartLoad();
  EXPECT_EQ(Switch("supabase", "1s").code, kRefused);
  load().AwaitAcknowledged(3);
  load().Stop();
  load().Check();

  ASSERT_NO_FATAL_FAILURE(Copy(url(), *other));
  ASSERT_NO_FATAL_FAILURE(MustSwitch("supabase"));
  load().Check();

  client::ClientOptions options;
  options.address = server().address();
  client::Client client(options);
  client::CommitRequest since;
  since.session_id = "since";
  since.sets = {{{"session", "1"}, {ValueKind::kRaw, "v"}}};
  ASSERT_TRUE(client.Commit(since).ok());
  const CliResult refused = Switch("timeweb", "1s");
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_EQ(refused.OutJson().at("differences").at(0).at("session_id"), "since");
  load().Check();

  ASSERT_NO_FATAL_FAILURE(Copy(*other, url()));
  ASSERT_NO_FATAL_FAILURE(MustSwitch("timeweb"));
  load().Check();
  const auto kept = client.GetKeys("since", {{"session", "1"}});
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->found, since.sets);
}

}  // namespace
}  // namespace authstate::test

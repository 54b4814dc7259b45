// A client in another language, made from proto/ alone: the example in Python, as Debian's packages run it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/integration/cli_runner.h"
#include "tests/support/subprocess.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"
#include "tests/support/working_creds.h"

namespace authstate {
namespace {

// The one of the distribution, which python3-grpcio is for.
constexpr char kPython[] = "/usr/bin/python3";
constexpr char kProto[] = AUTHSTATE_PROTO_DIR;

TEST(PythonExampleTest, ListsSessionsAndTellsReasons) {
  test::TempDir stubs;
  auto server = test::TestServer::Create({{"--sqlite-path", stubs.File("authstate.db")}, {}});
  ASSERT_TRUE(server.ok()) << server.status();
  const CliRunner cli((*server)->address());
  if (cli.Bash(absl::StrCat(kPython, " -c 'import grpc' && command -v grpc_python_plugin")).code != 0) {
    ASSERT_EQ(std::getenv("CI"), nullptr) << "CI requires python3-grpcio and protobuf-compiler-grpc";
    GTEST_SKIP() << "no python3-grpcio and protobuf-compiler-grpc; ./dev deps installs them";
  }
  ASSERT_EQ(cli.Run({"creds", "set", "demo", test::WorkingCreds()}).code, 0);
  ASSERT_EQ(cli.Run({"keys", "set", "keys", "pre-key", "1", "1"}).code, 0);
  ASSERT_EQ(cli.Run({"lease", "acquire", "keys", "--owner", "pool-1"}).code, 0);
  const CliResult made =
      cli.Bash(absl::StrCat("protoc -I ", kProto, " --python_out=", stubs.path(), " --grpc_out=", stubs.path(),
                            " --plugin=protoc-gen-grpc=$(command -v grpc_python_plugin) ", kProto,
                            "/authstate/v1/*.proto ", kProto, "/google/rpc/*.proto"));
  ASSERT_EQ(made.code, 0) << made.err;
  const CliResult run = cli.Bash(
      absl::StrCat("PYTHONPATH=", stubs.path(), " ", kPython, " ", kProto, "/example.py ", (*server)->address()));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, absl::StrCat("demo revision 1 keys 0 owner nobody\n  creds: ", test::WorkingCreds().size(),
                                  " bytes of JSON\nkeys revision 1 keys 1 owner pool-1\n"
                                  "  no creds: NOT_FOUND NO_CREDS\n"));
}

}  // namespace
}  // namespace authstate

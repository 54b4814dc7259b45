#include "tests/integration/cli_runner.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/support/subprocess.h"
#include "tests/support/test_server.h"

namespace authstate {
namespace {

using test::Subprocess;

constexpr char kProgram[] = "authstatectl";
constexpr absl::Duration kPatience = absl::Seconds(120);

}  // namespace

std::vector<std::string> CliRunner::Environment() const {
  const std::string program = test::ProgramPath(kProgram);
  const absl::string_view directory = absl::StripSuffix(program, absl::StrCat("/", kProgram));
  return {absl::StrCat("AUTHSTATE_ADDRESS=", address_), absl::StrCat("PATH=", directory, ":", std::getenv("PATH"))};
}

CliResult CliRunner::Run(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), test::ProgramPath(kProgram));
  return RunToEnd(std::move(arguments));
}

CliResult CliRunner::Bash(const std::string& script) const {
  return RunToEnd({"bash", "--noprofile", "--norc", "-c", script});
}

CliResult CliRunner::RunToEnd(std::vector<std::string> argv) const {
  const auto process = Subprocess::Start({std::move(argv), Environment()});
  const auto exit = process.ok() ? (*process)->Wait(kPatience) : process.status();
  if (!exit.ok()) {
    std::cerr << exit.status() << std::endl;
    std::abort();
  }
  CliResult result;
  result.code = exit->code.value_or(-1);
  result.out = (*process)->output(Subprocess::Stream::kStdout);
  result.err = (*process)->output(Subprocess::Stream::kStderr);
  return result;
}

}  // namespace authstate

#ifndef AUTHSTATE_CLIENT_CLI_COMMANDS_DECOMMISSION_REPORT_H_
#define AUTHSTATE_CLIENT_CLI_COMMANDS_DECOMMISSION_REPORT_H_

#include <cstddef>
#include <string>

#include "client/cli/terminal/output.h"
#include "migrations/decommission/quietness.h"
#include "profiles/backend_choice.h"

// What `decommission status` says.
namespace authstate::cli {

struct QuietnessReport {
  decommission::Quietness quietness;
  profiles::BackendChoice database = profiles::BackendChoice::kSupabase;
  // The days in a row in which nobody asks that it takes until the database counts as quiet.
  int days = 0;
  // The last times in which somebody asked, and in which the days began anew; the others are counted.
  std::size_t listed = 0;
};

// The report for people. Where nobody asked for long enough it says what to do next.
std::string ToText(const QuietnessReport& report);
Json ToJson(const QuietnessReport& report);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_COMMANDS_DECOMMISSION_REPORT_H_

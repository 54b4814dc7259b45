#ifndef AUTHSTATE_CLIENT_CLI_STATUS_STATUS_TEXT_H_
#define AUTHSTATE_CLIENT_CLI_STATUS_STATUS_TEXT_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/cli/terminal/output.h"

// What a server tells of itself, for people. Pure.
namespace authstate::cli {

// A row of a group. `look`: whether somebody should look at that.
struct StatusRow {
  std::string name;
  std::string text;
  bool look = false;
};
struct StatusGroup {
  std::string title;
  std::vector<StatusRow> rows;
};

// A member that is text, as it can be shown; empty where it is none.
std::string TextOf(const Json& status, const char* name);

// `serving since …`, or why not.
StatusRow VerdictOf(const Json& status);
// The same as the page of the server shows (server/http/page/status.js). What a server of another version does not tell
// is left out.
std::vector<StatusGroup> StatusGroups(const Json& status);

// A line of the last minutes: latency of the database that acknowledges, requests, and those that failed by no fault of
// their caller.
struct StatusPlot {
  std::string name;
  // Numbers, the newest last; null where there was nothing to tell.
  Json values;
  // The newest one, and the highest.
  std::string text;
};
std::vector<StatusPlot> StatusPlots(const Json& status);

// The last values, as many as there are columns, each as a bar of eight heights up to the highest; a gap for null.
std::string Bars(const Json& values, std::size_t columns);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STATUS_STATUS_TEXT_H_

#include "storage/postgres/connection/conninfo.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace authstate::storage {
namespace {

using Settings = std::map<std::string, std::string>;

struct OptionsFree {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, OptionsFree>;

Settings Given(const Options& options) {
  Settings settings;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) settings.emplace(option->keyword, option->val);
  }
  return settings;
}

// The values of libpq: compiled in, or from the environment.
Settings Defaults() {
  const Options options(PQconndefaults());
  return options == nullptr ? Settings{} : Given(options);
}

std::string Value(const Settings& given, const Settings& defaults, const std::string& keyword) {
  if (const auto found = given.find(keyword); found != given.end() && !found->second.empty()) return found->second;
  const auto found = defaults.find(keyword);
  return found == defaults.end() ? "" : found->second;
}

// Which places `given` names, as far as can be told without connecting.
std::string Location(const Settings& given) {
  const Settings defaults = Defaults();
  std::string host = Value(given, defaults, "host");
  if (host.empty()) host = Value(given, defaults, "hostaddr");
  if (host.empty()) host = "localhost";
  const std::vector<std::string> hosts = absl::StrSplit(host, ',');
  // One port for all hosts, or one for each.
  const std::vector<std::string> ports = absl::StrSplit(Value(given, defaults, "port"), ',');
  std::vector<std::string> places;
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const bool ipv6 = hosts[i].find(':') != std::string::npos;
    const std::string& port = ports[std::min(i, ports.size() - 1)];
    places.push_back(absl::StrCat(ipv6 ? "[" : "", hosts[i], ipv6 ? "]" : "", ":", port));
  }
  std::string database = Value(given, defaults, "dbname");
  if (database.empty()) database = Value(given, defaults, "user");
  return absl::StrCat(absl::StrJoin(places, ","), "/", database);
}

std::string Quoted(absl::string_view value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

}  // namespace

absl::StatusOr<Conninfo> ParseConninfo(absl::string_view url, absl::Duration connect_timeout) {
  char* error = nullptr;
  const Options options(PQconninfoParse(std::string(url).c_str(), &error));
  PQfreemem(error);  // Unread: it may quote the password.
  if (options == nullptr) {
    return absl::InvalidArgumentError(
        "the PostgreSQL URL cannot be read: it must be postgresql://user:password@host:port/database, with special "
        "characters of the password written as %XX, or a conninfo string (host=… dbname=… password='…')");
  }

  Settings settings = Given(options);
  Conninfo conninfo;
  conninfo.location = Location(settings);
  if (const auto password = settings.find("password"); password != settings.end()) conninfo.password = password->second;

  // Not `options`, which a pooler refuses; and emplace, which leaves what the user said.
  settings.emplace("connect_timeout",
                   absl::StrCat(absl::ToInt64Seconds(absl::Ceil(connect_timeout, absl::Seconds(1)))));
  settings.emplace("keepalives_idle", "30");
  settings.emplace("keepalives_interval", "10");
  settings.emplace("keepalives_count", "3");
  settings.emplace("tcp_user_timeout", "15000");
  settings.emplace("target_session_attrs", "read-write");
  settings.emplace("application_name", "authstated");
  settings.emplace("client_encoding", "UTF8");
  // One kind of encryption, the one that is configured: libpq would look for Kerberos credentials first.
  settings.emplace("gssencmode", "disable");

  std::vector<std::string> pairs;
  pairs.reserve(settings.size());
  const std::string session = settings.at("target_session_attrs");
  conninfo.writes = session == "read-write" || session == "primary";
  const bool single =
      !absl::StrContains(Value(settings, {}, "host"), ',') && !absl::StrContains(Value(settings, {}, "hostaddr"), ',');
  for (const auto& [keyword, value] : settings) {
    const bool asked_later = single && conninfo.writes && keyword == "target_session_attrs";
    pairs.push_back(absl::StrCat(keyword, "=", Quoted(asked_later ? "any" : value)));
  }
  std::int64_t seconds = 0;
  const bool bounded = absl::SimpleAtoi(settings.at("connect_timeout"), &seconds) && seconds > 0;
  conninfo.connect_timeout = bounded ? absl::Seconds(seconds) : connect_timeout;
  conninfo.text = absl::StrJoin(pairs, " ");
  conninfo.settings = std::move(settings);
  return conninfo;
}

}  // namespace authstate::storage

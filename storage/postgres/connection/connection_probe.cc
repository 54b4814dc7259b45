#include "storage/postgres/connection/connection_probe.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "storage/error.h"
#include "storage/postgres/connection/connect_error.h"

namespace authstate::storage {
namespace {

using Settings = std::map<std::string, std::string>;

struct ConnectionFinish {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using Connection = std::unique_ptr<PGconn, ConnectionFinish>;

// The settings of each host by itself.
std::vector<Settings> ByHost(const Settings& settings) {
  const auto list = [&settings](const std::string& keyword) -> std::vector<std::string> {
    const auto found = settings.find(keyword);
    if (found == settings.end() || found->second.empty()) return {};
    return absl::StrSplit(found->second, ',');
  };
  const std::map<std::string, std::vector<std::string>> lists = {
      {"host", list("host")}, {"hostaddr", list("hostaddr")}, {"port", list("port")}};
  const std::size_t hosts = std::max({lists.at("host").size(), lists.at("hostaddr").size(), std::size_t{1}});
  std::vector<Settings> each(hosts, settings);
  for (std::size_t i = 0; i < hosts; ++i) {
    for (const auto& [keyword, values] : lists) {
      // A single port is that of every host.
      if (!values.empty()) each[i][keyword] = values[std::min(i, values.size() - 1)];
    }
  }
  return each;
}

Connection Start(const Settings& settings) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : settings) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return Connection(PQconnectStartParams(keywords.data(), values.data(), /*expand_dbname=*/0));
}

// Waits until libpq can go on; false when `deadline` passed.
bool AwaitSocket(PGconn* connection, PostgresPollingStatusType wanted, absl::Time deadline) {
  pollfd socket = {PQsocket(connection), wanted == PGRES_POLLING_READING ? std::int16_t{POLLIN} : std::int16_t{POLLOUT},
                   0};
  int ready = 0;
  do {
    const auto left = absl::ToInt64Milliseconds(std::max(deadline - absl::Now(), absl::ZeroDuration()));
    ready = poll(&socket, 1, static_cast<int>(left));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

// Whether the role was let in, and what is left is the server's part.
bool IsLetIn(const PGconn* connection) {
  switch (PQstatus(connection)) {
    case CONNECTION_AUTH_OK:
    case CONNECTION_CHECK_WRITABLE:
    case CONNECTION_CONSUME:
    case CONNECTION_CHECK_TARGET:
    case CONNECTION_CHECK_STANDBY:
      return true;
    default:
      return false;
  }
}

ConnectAttempt AttemptOf(const PGconn* connection, absl::string_view profile) {
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  ConnectAttempt attempt;
  attempt.profile = std::string(profile);
  attempt.user = text(PQuser(connection));
  attempt.database = text(PQdb(connection));
  attempt.place = absl::StrCat(text(PQhost(connection)), ":", text(PQport(connection)), "/", attempt.database);
  return attempt;
}

absl::StatusOr<ConnectionFacts> ProbeHost(const Settings& settings, absl::string_view profile,
                                          absl::Duration connect_timeout) {
  const absl::Time deadline = absl::Now() + connect_timeout;
  const Connection connection = Start(settings);
  if (connection == nullptr) return absl::ResourceExhaustedError("out of memory");
  // Brings the SQLSTATE of what the server says.
  PQsetErrorVerbosity(connection.get(), PQERRORS_VERBOSE);
  PostgresPollingStatusType wanted =
      PQstatus(connection.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (wanted != PGRES_POLLING_OK && wanted != PGRES_POLLING_FAILED) {
    if (!AwaitSocket(connection.get(), wanted, deadline)) {
      return ConnectError(IsLetIn(connection.get()) ? ConnectFault::kUnanswered : ConnectFault::kNoAnswer,
                          AttemptOf(connection.get(), profile));
    }
    wanted = PQconnectPoll(connection.get());
  }
  if (wanted == PGRES_POLLING_FAILED) {
    return ConnectError(ClassifyConnectError(PQerrorMessage(connection.get())), AttemptOf(connection.get(), profile));
  }
  ConnectionFacts facts;
  if (PQsslInUse(connection.get()) == 1) {
    const char* const protocol = PQsslAttribute(connection.get(), "protocol");
    const auto sslmode = settings.find("sslmode");
    facts.tls = absl::StrCat(protocol == nullptr ? "TLS" : protocol, ", ",
                             sslmode == settings.end() ? "prefer" : sslmode->second);
  }
  return facts;
}

// One error for all hosts: waiting may help when it may help with one of them.
absl::Status Combine(const std::vector<absl::Status>& errors) {
  if (errors.size() == 1) return errors.front();
  const auto unavailable =
      std::find_if(errors.begin(), errors.end(), [](const absl::Status& error) { return absl::IsUnavailable(error); });
  const absl::Status& kind = unavailable != errors.end() ? *unavailable : errors.front();
  return Error(kind.code(), ReasonOf(kind).value_or(std::string(kDatabaseUnavailable)),
               absl::StrJoin(errors, "; ", [](std::string* out, const absl::Status& error) {
                 out->append(error.message().data(), error.message().size());
               }));
}

}  // namespace

absl::StatusOr<ConnectionFacts> ProbeConnection(const Conninfo& conninfo, absl::string_view profile,
                                                absl::Duration connect_timeout) {
  std::vector<absl::Status> errors;
  for (const Settings& settings : ByHost(conninfo.settings)) {
    absl::StatusOr<ConnectionFacts> facts = ProbeHost(settings, profile, connect_timeout);
    if (facts.ok()) return facts;
    errors.push_back(facts.status());
  }
  return Combine(errors);
}

}  // namespace authstate::storage

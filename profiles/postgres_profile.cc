#include "profiles/postgres_profile.h"

#include <libpq-fe.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "profiles/readable_files.h"
#include "profiles/tls_policy.h"
#include "storage/absolute_path.h"

namespace authstate::profiles {
namespace {

using storage::PoolerMode;
using storage::PostgresLayout;
// Keywords of libpq.
using Settings = std::map<std::string, std::string>;

struct OptionsFree {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

absl::Status Wrong(BackendChoice choice, absl::string_view member, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("--", NameOf(choice), "-", member, what));
}

// Whether an @ stands where a URL has hosts and a path: then a character of the password ended it too early, and a part
// of it would be taken for a host or a database.
bool HasStrayAt(absl::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return false;
  absl::string_view rest = url.substr(scheme + 3);
  const std::size_t credentials = rest.find_first_of("@/");
  if (credentials != absl::string_view::npos && rest[credentials] == '@') rest.remove_prefix(credentials + 1);
  return absl::StrContains(rest.substr(0, rest.find('?')), '@');
}

absl::StatusOr<Settings> ParseUrl(BackendChoice choice, const std::string& url) {
  if (url.empty()) return Settings{};
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, OptionsFree> options(PQconninfoParse(url.c_str(), &error));
  PQfreemem(error);  // Unread: it may quote the password.
  if (options == nullptr || HasStrayAt(url)) {
    return Wrong(choice, "url",
                 absl::StrCat(" cannot be read: it must be postgresql://user:password@host:port/database, with each "
                              "special character of the password written as %XX (or leave the password out and give "
                              "--",
                              NameOf(choice), "-password), or a conninfo string (host=… dbname=…)"));
  }
  Settings settings;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) settings.emplace(option->keyword, option->val);
  }
  return settings;
}

absl::StatusOr<std::string> ReadPassword(BackendChoice choice, const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!file || !std::getline(file, password)) {
    const char* const cause = file.is_open() ? "the file is empty" : std::strerror(errno);
    return Wrong(choice, "password-file", absl::StrCat(": ", storage::AbsolutePath(path), ": ", cause));
  }
  if (!password.empty() && password.back() == '\r') password.pop_back();
  return password;
}

// What libpq itself would take from its environment.
std::string Inherited(const char* variable) {
  const char* const value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

std::string ValueOf(const Settings& settings, const std::string& keyword, const char* variable) {
  const auto found = settings.find(keyword);
  return found != settings.end() && !found->second.empty() ? found->second : Inherited(variable);
}

void Override(Settings& settings, const std::string& keyword, const std::string& value) {
  if (!value.empty()) settings[keyword] = value;
}

absl::StatusOr<Settings> Combine(BackendChoice choice, const PostgresProfile& profile) {
  absl::StatusOr<Settings> settings = ParseUrl(choice, profile.url);
  if (!settings.ok()) return settings;
  // An address beside it would win over the host.
  if (!profile.host.empty()) settings->erase("hostaddr");
  Override(*settings, "host", profile.host);
  Override(*settings, "port", profile.port);
  Override(*settings, "dbname", profile.database);
  Override(*settings, "user", profile.user);
  if (!profile.password_file.empty()) {
    if (!profile.password.empty()) return Wrong(choice, "password", " and the file for it are both given; keep one");
    const absl::StatusOr<std::string> password = ReadPassword(choice, profile.password_file);
    if (!password.ok()) return password.status();
    Override(*settings, "password", *password);
  }
  Override(*settings, "password", profile.password);
  Override(*settings, "sslmode", profile.sslmode);
  Override(*settings, "sslrootcert", profile.ca_file);
  return settings;
}

absl::Status CheckComplete(BackendChoice choice, const PostgresProfile& profile, const Settings& settings) {
  const std::string name = NameOf(choice);
  if (!profile.configured()) {
    return Wrong(choice, "host", absl::StrCat(" (or --", name, "-url) is required with --backend ", name));
  }
  // The plain profile may leave the rest to libpq, as a local database needs no more.
  if (choice == BackendChoice::kPostgres) return absl::OkStatus();
  if (ValueOf(settings, "host", "PGHOST").empty() && ValueOf(settings, "hostaddr", "PGHOSTADDR").empty()) {
    return Wrong(choice, "host", absl::StrCat(" is required with --backend ", name));
  }
  if (ValueOf(settings, "dbname", "PGDATABASE").empty()) {
    return Wrong(choice, "database", absl::StrCat(" is required with --backend ", name));
  }
  if (ValueOf(settings, "user", "PGUSER").empty()) {
    return Wrong(choice, "user", absl::StrCat(" is required with --backend ", name));
  }
  return absl::OkStatus();
}

std::string Quoted(absl::string_view value) {
  return absl::StrCat("'", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string ToConninfo(const Settings& settings) {
  return absl::StrJoin(settings, " ", [](std::string* out, const auto& setting) {
    absl::StrAppend(out, setting.first, "=", Quoted(setting.second));
  });
}

PoolerMode ToPooler(absl::string_view name) {
  if (name == "none") return PoolerMode::kNone;
  if (name == "session") return PoolerMode::kSession;
  return name == "transaction" ? PoolerMode::kTransaction : PoolerMode::kDetect;
}

PostgresLayout ToLayout(absl::string_view name) {
  if (name == "native") return PostgresLayout::kNative;
  return name == "legacy" ? PostgresLayout::kLegacy : PostgresLayout::kDetect;
}

}  // namespace

absl::StatusOr<PostgresTarget> ResolveProfile(BackendChoice choice, const PostgresProfile& profile) {
  absl::StatusOr<Settings> settings = Combine(choice, profile);
  if (!settings.ok()) return settings.status();
  if (absl::Status complete = CheckComplete(choice, profile, *settings); !complete.ok()) return complete;

  // An address, where there is one, is what is connected to; the host is then the name that TLS checks.
  const std::string hosts =
      absl::StrCat(ValueOf(*settings, "host", "PGHOST"), ",", ValueOf(*settings, "hostaddr", "PGHOSTADDR"));
  const absl::StatusOr<TlsMode> tls = ChooseTlsMode(choice, hosts, ValueOf(*settings, "sslmode", "PGSSLMODE"));
  if (!tls.ok()) return tls.status();
  (*settings)["sslmode"] = tls->sslmode;
  if (VerifiesServer(tls->sslmode)) {
    const std::string ca_file = ValueOf(*settings, "sslrootcert", "PGSSLROOTCERT");
    if (absl::Status usable = CheckCaFile(choice, ca_file); !usable.ok()) return usable;
  }

  PostgresTarget target;
  target.options.name = NameOf(choice);
  target.options.url = ToConninfo(*settings);
  target.options.pooler = ToPooler(profile.pooler);
  target.options.layout = ToLayout(profile.layout);
  if (!tls->warning.empty()) target.warnings.push_back(tls->warning);
  if (!profile.password_file.empty()) {
    std::optional<std::string> warning = WarningOfReaders("the password file", profile.password_file);
    if (warning.has_value()) target.warnings.push_back(*std::move(warning));
  }
  return target;
}

}  // namespace authstate::profiles

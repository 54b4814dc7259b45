#ifndef AUTHSTATE_PROFILES_POSTGRES_PROFILE_H_
#define AUTHSTATE_PROFILES_POSTGRES_PROFILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "profiles/backend_choice.h"
#include "storage/postgres/postgres_options.h"

namespace authstate::profiles {

// How one PostgreSQL is reached, in the words of its operator; an empty member was not given. Each stands in an option
// of the profile: `--timeweb-host` is the host of `timeweb`. Plain data; `url` and `password` are secrets.
struct PostgresProfile {
  // URL or conninfo string. The members below win over what it says.
  std::string url;
  // One, or several divided by commas, of which the one that takes writes is used.
  std::string host;
  // One for all hosts, or one for each.
  std::string port;
  std::string database;
  std::string user;
  std::string password;
  // A file whose first line is the password.
  std::string password_file;
  std::string sslmode;
  // PEM file with the certificates that the server's is checked against.
  std::string ca_file;
  // `auto`, `none`, `session` or `transaction`.
  std::string pooler = "auto";
  // `auto`, `native` or `legacy`.
  std::string layout = "auto";

  // Whether anything says where the database is.
  bool configured() const { return !url.empty() || !host.empty() || !database.empty(); }
};

// A profile as the driver takes it.
struct PostgresTarget {
  // `url` is a conninfo string and holds the password.
  storage::PostgresOptions options;
  // What an operator should know: a connection less protected than it could be. No secrets.
  std::vector<std::string> warnings;
};

// Puts a profile together and checks it without connecting. Reads the password and the CA file.
//
// TLS. Towards a host that is neither a loopback address nor a socket the mode is `verify-full` unless one is named;
// `timeweb` and `supabase` have it for every host. The verifying modes need a CA file. A weaker mode is obeyed when it
// is named, and warned of; `prefer` and `allow`, which fall back to plain text in silence, are refused for such hosts.
//
// InvalidArgument, in one line that names the option and quotes neither password nor URL.
absl::StatusOr<PostgresTarget> ResolveProfile(BackendChoice choice, const PostgresProfile& profile);

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_POSTGRES_PROFILE_H_

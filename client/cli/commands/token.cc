#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/cli/commands/commands.h"
#include "client/cli/database_choice.h"
#include "client/cli/terminal/text.h"
#include "client/cli/terminal/token_text.h"
#include "client/cli/token_admin.h"

namespace authstate::cli {
namespace {

using client::IssuedToken;
using client::Right;
using client::TokenInfo;

struct TokenOptions {
  DatabaseChoice database;
  std::string id;
  std::string label;
  std::string certificate_name;
  bool read = false;
  bool write = false;
  bool steal = false;
  bool admin = false;
  std::vector<std::string> sessions;
  std::vector<std::string> prefixes;
  bool all_sessions = false;
  std::optional<absl::Duration> expires_in;
  bool ended = false;
  bool quiet = false;
};

client::TokenTerms TermsOf(const TokenOptions& options) {
  client::TokenTerms terms;
  terms.label = options.label;
  terms.certificate_name = options.certificate_name;
  terms.time_to_live = options.expires_in;
  if (options.read) terms.rights.push_back(Right::kRead);
  if (options.write) terms.rights.push_back(Right::kWrite);
  if (options.steal) terms.rights.push_back(Right::kSteal);
  if (options.admin) terms.rights.push_back(Right::kAdmin);
  for (const std::string& session : options.sessions) terms.scopes.push_back({session, false});
  for (const std::string& prefix : options.prefixes) terms.scopes.push_back({prefix, true});
  if (options.all_sessions) terms.scopes.push_back({"", true});
  return terms;
}

// What is missing, in the words of the command line. Rights and sessions have to be said: there is no default that
// would be safe and of use.
absl::Status CheckSaid(const TokenOptions& options) {
  const bool on_sessions = options.read || options.write || options.steal;
  if (!on_sessions && !options.admin) {
    return absl::InvalidArgumentError("say what the token may do: --read, --write, --steal, --admin");
  }
  if (on_sessions && options.sessions.empty() && options.prefixes.empty() && !options.all_sessions) {
    return absl::InvalidArgumentError("say for which sessions: --session ID, --prefix PREFIX or --all-sessions");
  }
  for (const std::string& prefix : options.prefixes) {
    if (prefix.empty()) return absl::InvalidArgumentError("--prefix is empty: every session is --all-sessions");
  }
  return absl::OkStatus();
}

absl::Status WriteToken(Output& output, const TokenInfo& token) {
  return output.json() ? output.WriteJson(TokenJson(token)) : output.Write(Table(TokenRows(token)));
}

// The one time that the secret is shown.
absl::Status WriteIssued(Output& output, const TokenOptions& options, const IssuedToken& issued) {
  const bool secret = !issued.bearer_token.empty();
  if (options.quiet && !output.json()) return output.WriteLine(secret ? issued.bearer_token : issued.token.id);
  if (output.json()) {
    Json json = TokenJson(issued.token);
    json["bearer_token"] = issued.bearer_token;
    return output.WriteJson(json);
  }
  std::vector<std::vector<std::string>> rows = TokenRows(issued.token);
  if (secret) rows.insert(rows.begin(), {"token", issued.bearer_token});
  absl::Status written = output.Write(Table(rows));
  if (written.ok() && secret) written = output.WriteLine("The token is shown this once: nobody can tell it again.");
  return written;
}

absl::Status Create(CommandContext& context, const TokenOptions& options) {
  if (absl::Status said = CheckSaid(options); !said.ok()) return said;
  const auto admin = OpenTokens(context, options.database);
  if (!admin.ok()) return admin.status();
  const auto issued = (*admin)->Create(TermsOf(options));
  if (!issued.ok()) return issued.status();
  return WriteIssued(context.output(), options, *issued);
}

absl::Status List(CommandContext& context, const TokenOptions& options) {
  const auto admin = OpenTokens(context, options.database);
  if (!admin.ok()) return admin.status();
  const auto tokens = (*admin)->List(options.ended);
  if (!tokens.ok()) return tokens.status();
  if (context.output().json()) {
    Json list = Json::array();
    for (const TokenInfo& token : *tokens) list.push_back(TokenJson(token));
    return context.output().WriteJson({{"tokens", std::move(list)}});
  }
  std::vector<std::vector<std::string>> rows{TokenHeading()};
  for (const TokenInfo& token : *tokens) rows.push_back(TokenRow(token));
  return context.output().Write(Table(rows));
}

absl::Status Show(CommandContext& context, const TokenOptions& options) {
  const auto admin = OpenTokens(context, options.database);
  if (!admin.ok()) return admin.status();
  const auto token = (*admin)->Get(options.id);
  if (!token.ok()) return token.status();
  return WriteToken(context.output(), *token);
}

absl::Status Rotate(CommandContext& context, const TokenOptions& options) {
  const auto admin = OpenTokens(context, options.database);
  if (!admin.ok()) return admin.status();
  const auto issued = (*admin)->Rotate(options.id, options.expires_in);
  if (!issued.ok()) return issued.status();
  return WriteIssued(context.output(), options, *issued);
}

absl::Status Revoke(CommandContext& context, const TokenOptions& options) {
  const auto admin = OpenTokens(context, options.database);
  if (!admin.ok()) return admin.status();
  const auto token = (*admin)->Revoke(options.id);
  if (!token.ok()) return token.status();
  return WriteToken(context.output(), *token);
}

// `read,write`, as an addition to the flags.
Option RightsOption(TokenOptions* options) {
  const auto given = std::make_shared<std::string>();
  const auto set = [options, given](const std::string& text) -> std::string {
    for (const absl::string_view word : absl::StrSplit(text, ',')) {
      bool* const right = word == "read"    ? &options->read
                          : word == "write" ? &options->write
                          : word == "steal" ? &options->steal
                          : word == "admin" ? &options->admin
                                            : nullptr;
      if (right == nullptr) return "rights are expected, divided by commas: read, write, steal, admin";
      *right = true;
    }
    *given = text;
    return "";
  };
  return profiles::Custom("--rights", "The same, divided by commas: read,write", set, [given] { return *given; });
}

std::vector<Option> CreateOptions(TokenOptions* options) {
  return {Text("--label", &options->label, "What it is for, for people"),
          Flag("--read", &options->read, "May see the sessions, and read their creds and keys"),
          Flag("--write", &options->write, "May change and delete the sessions, and lease them"),
          Flag("--steal", &options->steal, "May take the lease from an owner that is alive"),
          Flag("--admin", &options->admin, "May do what concerns the server: tokens, backends, purges"),
          RightsOption(options),
          profiles::List("--session", &options->sessions, "For this session; may be given more than once"),
          profiles::List("--prefix", &options->prefixes,
                         "For all sessions whose id starts with this; may be given more than once"),
          Flag("--all-sessions", &options->all_sessions, "For every session"),
          Age("--expires-in", &options->expires_in, "For how long it is valid, such as 90d; without it, for ever"),
          Text("--certificate-name", &options->certificate_name,
               "DNS:NAME or URI:NAME: the rights are of client certificates with this name, and there is no secret"),
          Flag("-q,--quiet", &options->quiet, "Print the token alone (of a certificate: the id)")};
}

}  // namespace

Command TokenCommands(Action* action) {
  const auto options = std::make_shared<TokenOptions>();
  const auto leaf = [&](const char* name, const char* help, std::vector<Option> declared,
                        absl::Status (*run)(CommandContext&, const TokenOptions&)) {
    return Leaf(name, help, options, std::move(declared), run, action);
  };
  const Option id = Required(Text("ID", &options->id, "The id of the token, as create and list tell it"));
  const Option quiet = Flag("-q,--quiet", &options->quiet, "Print the token alone");
  Command token =
      Group("token",
            "Say who may do what: tokens, and the rights of client certificates. Asks the server; with an option that "
            "names a database or the --config of authstated, that database, also while there is no server",
            {leaf("create", "Make a token, and show it this once", CreateOptions(options.get()), Create),
             leaf("list", "List the tokens",
                  {Flag("-a,--all", &options->ended, "Also those that have expired or were revoked")}, List),
             leaf("show", "Show what a token may do, and its times", {id}, Show),
             leaf("rotate", "Give a token another secret, and show it this once; the one before is refused",
                  {id,
                   Age("--expires-in", &options->expires_in,
                       "For how long it is valid from now on, such as 90d; without it, the end stays what it is"),
                   quiet},
                  Rotate),
             leaf("revoke", "End a token for ever", {id}, Revoke)});
  DeclareDatabase(&options->database, &token);
  return token;
}

}  // namespace authstate::cli

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/commands.h"
#include "client/cli/find_session.h"
#include "client/cli/terminal/progress.h"
#include "client/cli/terminal/signal_watcher.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

struct VerifyOptions {
  std::string prefix;
};

struct Damage {
  std::string session_id;
  std::string error;
};

struct Verified {
  std::uint64_t sessions = 0;
  std::uint64_t keys = 0;
  std::uint64_t value_bytes = 0;
  std::vector<Damage> damages;
};

// Reads all of one session, whose values the server checks, and compares it with what the listing says of it: they come
// from different indexes. DataLoss says what is wrong with it.
absl::Status VerifySession(client::Client& client, const client::SessionSummary& listed, Verified* verified) {
  std::uint64_t revision = 0;
  std::uint64_t keys = 0;
  bool creds = false;
  absl::Status loaded = client.LoadSession(listed.session_id, 0, [&](const client::SessionPage& page) {
    revision = page.revision;
    if (page.creds.has_value()) {
      creds = true;
      verified->value_bytes += page.creds->bytes.size();
    }
    keys += page.keys.size();
    for (const client::KeyEntry& entry : page.keys) verified->value_bytes += entry.value.bytes.size();
    return absl::OkStatus();
  });
  verified->keys += keys;
  if (absl::IsNotFound(loaded)) {
    const auto found = FindSession(client, listed.session_id);
    if (!found.ok()) return found.status();
    return found->has_value() ? absl::DataLossError("it is listed and cannot be found") : absl::OkStatus();
  }
  if (!loaded.ok() || revision != listed.revision || (keys == listed.key_count && creds == listed.has_creds)) {
    return loaded;
  }
  return absl::DataLossError(absl::StrCat("it is listed with ", Count(listed.key_count, "key"),
                                          listed.has_creds ? " and creds" : " and no creds", ", and has ",
                                          Count(keys, "key"), creds ? " and creds" : " and no creds"));
}

absl::Status Report(Output& output, const Verified& verified) {
  if (output.json()) {
    Json damaged = Json::array();
    for (const Damage& damage : verified.damages) {
      damaged.push_back({{"session_id", damage.session_id}, {"error", damage.error}});
    }
    absl::Status written = output.WriteJson({{"sessions", verified.sessions},
                                             {"keys", verified.keys},
                                             {"value_bytes", verified.value_bytes},
                                             {"damaged", damaged}});
    if (!written.ok()) return written;
  } else {
    for (const Damage& damage : verified.damages) {
      absl::Status written =
          output.WriteLine(absl::StrCat("session ", damage.session_id, ": ", Printable(damage.error)));
      if (!written.ok()) return written;
    }
    absl::Status written =
        output.WriteLine(absl::StrCat("read ", Count(verified.sessions, "session"), " with ",
                                      Count(verified.keys, "key"), " and ", verified.value_bytes, " bytes of values"));
    if (!written.ok()) return written;
  }
  if (verified.damages.empty()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(Count(verified.damages.size(), "session"), " damaged"));
}

absl::Status VerifyStore(CommandContext& context, const VerifyOptions& options) {
  SignalWatcher signals;
  client::Client& client = context.client(signals);
  Progress progress(context.output().json());
  Verified verified;
  client::SessionFilter filter;
  filter.prefix = options.prefix;
  const auto listing = client.ListSessions(filter, [&](const client::SessionSummary& listed) {
    ++verified.sessions;
    progress.Show("sessions read:", verified.sessions, 0);
    absl::Status status = VerifySession(client, listed, &verified);
    if (!absl::IsDataLoss(status)) return status;
    verified.damages.push_back({listed.session_id, std::string(status.message())});
    return signals.Check();
  });
  if (!listing.ok()) return listing.status();
  return Report(context.output(), verified);
}

}  // namespace

Command StoreCommands(Action* action) {
  const auto options = std::make_shared<VerifyOptions>();
  return Group("store", "Look after all that is stored",
               {Leaf("verify", "Read all sessions whole, and tell which are damaged; exits with 6 where one is",
                     options, {Prefix(&options->prefix)}, VerifyStore, action),
                StoreCopyCommand(action)});
}

}  // namespace authstate::cli

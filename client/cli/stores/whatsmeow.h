#ifndef AUTHSTATE_CLIENT_CLI_STORES_WHATSMEOW_H_
#define AUTHSTATE_CLIENT_CLI_STORES_WHATSMEOW_H_

#include "absl/strings/string_view.h"
#include "client/cli/stores/dump.h"
#include "client/cli/stores/entries.h"

// The tables of whatsmeow (go.mau.fi/whatsmeow, store/sqlstore), another library for the same protocol. A session is a
// device, by its jid. What becomes of its tables:
//   device            creds; it keeps private keys alone, and the public ones are computed
//   pre_keys          pre-key, and the counters of the creds, which go on above the highest
//   identity_keys     identity-key
//   app_state_*       app-state-sync-key, whose newest is the account's, and app-state-sync-version
//   lid_map           lid-mapping, both ways, for every session
//   privacy_tokens    tctoken, under the LID where there is one, as Baileys looks for them
// Sessions and sender keys are protobuf, which Baileys does not read: contacts begin new ones. The rest is no part of
// what Baileys keeps. Both are named.
namespace authstate::cli {

bool IsWhatsmeowTable(absl::string_view table);
bool IsWhatsmeow(const Dump& dump);
DumpSessions ReadWhatsmeow(const Dump& dump);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STORES_WHATSMEOW_H_

#ifndef AUTHSTATE_CLIENT_CLI_STORES_SINGLE_FILE_H_
#define AUTHSTATE_CLIENT_CLI_STORES_SINGLE_FILE_H_

#include "client/cli/stores/dump.h"
#include "client/cli/stores/entries.h"

// The file of useSingleFileAuthState, which Baileys had up to version 4:
//   {"creds":{…},"keys":{"preKeys":{"<id>":…},"sessions":{…},"senderKeys":{…},"appStateSyncKeys":{…},
//    "appStateVersions":{…},"senderKeyMemory":{…}}}
// A key that was deleted is null. Types that it did not know share the member `undefined`, where their type is lost.
namespace authstate::cli {

bool IsSingleFile(const Dump& dump);
DumpSessions ReadSingleFile(const Dump& dump);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STORES_SINGLE_FILE_H_

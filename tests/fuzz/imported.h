#ifndef AUTHSTATE_TESTS_FUZZ_IMPORTED_H_
#define AUTHSTATE_TESTS_FUZZ_IMPORTED_H_

#include "absl/status/statusor.h"
#include "client/cli/folder/folder.h"
#include "client/cli/stores/dump.h"

// What an import may rely on in what it has read. Each ends the process where that does not hold.
namespace authstate::fuzz {

void CheckFolder(const absl::StatusOr<cli::Folder>& folder);

// Every session of a dump, if it is of a format that is known.
void CheckDump(const cli::Dump& dump);

}  // namespace authstate::fuzz

#endif  // AUTHSTATE_TESTS_FUZZ_IMPORTED_H_

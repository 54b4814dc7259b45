// Dumps of other stores as JSON documents and JSON lines, to the sessions that are made of them.
#include <cstddef>
#include <cstdint>

#include "client/cli/stores/dump.h"
#include "tests/fuzz/imported.h"
#include "tests/fuzz/property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::StatusOr<authstate::cli::Dump> dump = authstate::cli::ReadJsonDump(authstate::fuzz::TextOf(data, size));
  authstate::fuzz::Hold(dump.ok() || absl::IsInvalidArgument(dump.status()), "what is no dump is InvalidArgument");
  if (dump.ok()) authstate::fuzz::CheckDump(*dump);
  return 0;
}

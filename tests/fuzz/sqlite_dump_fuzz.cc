// Dumps of other stores as SQLite files, to the sessions that are made of them.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/stores/dump.h"
#include "client/cli/stores/formats.h"
#include "tests/fuzz/imported.h"
#include "tests/fuzz/property.h"
#include "tests/fuzz/scratch_folder.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr char kFile[] = "dump.db";
  const absl::string_view bytes = authstate::fuzz::TextOf(data, size);
  if (!authstate::cli::IsSqlite(bytes)) return 0;
  static const authstate::fuzz::ScratchFolder folder;
  authstate::fuzz::Hold(folder.Write(kFile, bytes), "the file can be written");
  const absl::StatusOr<authstate::cli::Dump> dump =
      authstate::cli::ReadSqliteDump(absl::StrCat(folder.path(), "/", kFile), authstate::cli::IsKnownTable);
  if (dump.ok()) authstate::fuzz::CheckDump(*dump);
  return 0;
}

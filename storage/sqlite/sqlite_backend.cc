#include "storage/sqlite/sqlite_backend.h"

#include <utility>

#include "storage/sealing/hidden_names.h"
#include "storage/sqlite/file_backend.h"

namespace authstate::storage {

absl::StatusOr<std::unique_ptr<Backend>> OpenSqliteBackend(SqliteOptions options) {
  const std::shared_ptr<const Keyring> keyring = options.keyring;
  absl::StatusOr<OpenedFile> file = OpenSqliteFile(std::move(options), /*is_near=*/false);
  if (!file.ok()) return file.status();
  const std::string hiding_key = file->hiding_key;
  return WithHiddenNames(std::make_unique<FileBackend>(*std::move(file), /*after_commit=*/nullptr), keyring.get(),
                         hiding_key);
}

}  // namespace authstate::storage

#include "storage/batches/batch_room.h"

namespace authstate::storage {

std::size_t ByteSize(const Commit& commit) {
  std::size_t bytes = commit.creds.has_value() ? commit.creds->bytes.size() : 0;
  for (const KeyWrite& write : commit.sets) bytes += ByteSize(write.name, write.value.bytes.size());
  for (const KeyName& name : commit.deletes) bytes += ByteSize(name, 0);
  return bytes;
}

}  // namespace authstate::storage

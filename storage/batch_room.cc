#include "storage/batch_room.h"

namespace authstate::storage {

std::size_t ByteSize(const Commit& commit) {
  std::size_t bytes = commit.creds.has_value() ? commit.creds->bytes.size() : 0;
  for (const KeyWrite& write : commit.sets) bytes += write.value.bytes.size() + write.name.id.size();
  for (const KeyName& name : commit.deletes) bytes += name.id.size();
  return bytes;
}

}  // namespace authstate::storage

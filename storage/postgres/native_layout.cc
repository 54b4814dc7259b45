#include "storage/postgres/layout.h"
#include "storage/postgres/row.h"
#include "storage/postgres/statements.h"

namespace authstate::storage {

const Layout& NativeLayout() {
  static constexpr Layout kLayout = {
      /*name=*/"native",
      /*commit=*/statements::kCommit,
      /*resolve=*/statements::kResolve,
      /*read=*/statements::kRead,
      /*list=*/statements::kList,
      /*snapshot_head=*/statements::kSnapshotHead,
      /*snapshot_page=*/statements::kSnapshotPage,
      /*encode=*/nullptr,
      /*to_value=*/ToValue,
  };
  return kLayout;
}

}  // namespace authstate::storage

#ifndef AUTHSTATE_STORAGE_POSTGRES_LAYOUT_H_
#define AUTHSTATE_STORAGE_POSTGRES_LAYOUT_H_

#include <pqxx/pqxx>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"
#include "storage/backend.h"

namespace authstate::storage {

// The tables that keep the state: the statements over them, and the form that a value has there. Everything else of the
// driver is the same for all layouts, so each statement has the parameters and the result columns that are described
// with the native one (statements.h). Constant; lives as long as the program.
struct Layout {
  // `native`, `legacy`.
  absl::string_view name;

  const char* commit;
  const char* resolve;
  const char* read;
  const char* list;
  const char* snapshot_head;
  const char* snapshot_page;

  // Brings the values of a commit into the form that `commit` takes; InvalidArgument when the layout cannot hold one of
  // them. Null: they are stored as they are.
  absl::Status (*encode)(Commit& commit);
  // A value from its columns, kind and bytes in hex. DataLoss when they are no value.
  absl::StatusOr<Value> (*to_value)(const pqxx::field& kind, const pqxx::field& hex);
};

// auth_* (migrations/postgres).
const Layout& NativeLayout();

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LAYOUT_H_

#ifndef AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LAYOUT_H_
#define AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "contract/value.h"
#include "storage/backend.h"
#include "storage/checksum.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout_schema.h"
#include "storage/sealing/data_key.h"

namespace authstate::storage {

// The statements of grant_statements.h.
struct GrantStatements {
  const char* list;
  const char* create;
  const char* rotate;
  const char* revoke;
  const char* note_uses;
  // The statements of maintenance_statements.h.
  const char* get_maintenance;
  const char* begin_maintenance;
  const char* end_maintenance;
};

// The statements of sealing_statements.h. All are null where nothing can be encrypted.
struct SealingStatements {
  const char* keyring = nullptr;
  const char* remember_key = nullptr;
  const char* forget = nullptr;
  const char* hiding_key = nullptr;
  const char* hide_key_ids = nullptr;
  const char* rewrap_hiding_key = nullptr;
  const char* list = nullptr;
  const char* rewrap = nullptr;
  const char* lock = nullptr;
  const char* creds = nullptr;
  const char* keys = nullptr;
  const char* set_data_key = nullptr;
};

// The tables that keep the state: the statements over them, and the form that a value has there. Everything else of the
// driver is the same for all layouts, so each statement has the parameters and the result columns that are described
// with the native one (statements.h). Constant; lives as long as the program.
struct Layout {
  // `native`, `legacy`.
  absl::string_view name;

  const char* commit;
  // The same for commits of less, at less cost (commit_writes_statement.h). Null: none.
  const char* commit_writes;
  const char* commit_sets;
  // A commit or a read of more keys than this is planned for itself, as the plan that serves small ones may not do
  // while the tables have no statistics.
  std::size_t most_keys_by_a_kept_plan;
  const char* resolve;
  // The statement of lease_statements.h.
  const char* leases;
  GrantStatements grants;
  const char* store_id;
  const char* read;
  const char* list;
  // Null: what is absent is not looked for.
  const char* damaged;
  const char* snapshot_head;
  const char* snapshot_page;
  SealingStatements sealing;

  LayoutSchema schema;
  // Tables that other programs made and that we do not alter, as SQL finds them. Empty: all are of `schema`.
  std::vector<std::string> tables_of_others;

  // Deletes expired keys (legacy_purge.h). Null: keys do not expire.
  const char* purge;

  // Whether `commit` takes values in the form of storage/packed_value.h.
  bool packs_values;
  // Brings the values of a commit into the form that `commit` takes; InvalidArgument when the layout cannot hold one of
  // them. Null: they are stored as they are.
  absl::Status (*encode)(Commit& commit);
  // The value of that place from its columns, kind and bytes in hex; `key` is that of the session, null where it has
  // none. DataLoss when they are no value, or not its own.
  absl::StatusOr<Value> (*to_value)(const ValuePlace& place, std::int64_t kind, absl::string_view hex,
                                    const DataKey* key);
  // Whether the SQLSTATE says that the layout cannot hold a value, where `encode` has let it pass. Null: never.
  bool (*refuses)(absl::string_view sqlstate);

  // How a `commit` or `read` of this many keys is planned.
  PgConnection::Planning PlanningFor(std::size_t keys) const {
    return keys > most_keys_by_a_kept_plan ? PgConnection::Planning::kForItself : PgConnection::Planning::kKept;
  }
};

// auth_* (migrations/postgres), in the schema `home` of PostgreSQL, as SQL writes it (LayoutSchema::home). Thread-safe;
// makes the statements of each schema once.
const Layout& NativeLayout(absl::string_view home);
// whatsapp_auth and whatsapp_keys, with a companion (migrations/postgres_legacy).
const Layout& LegacyLayout();

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_LAYOUT_LAYOUT_H_

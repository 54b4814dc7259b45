#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_LAYOUT_DETECTION_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_LAYOUT_DETECTION_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/postgres/connection/pg_connection.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/postgres_options.h"

namespace authstate::storage {

// The layout to serve. Named, it is that one; kDetect finds it by the tables that are there, and takes native in a
// database that has none of either. FailedPrecondition (kSchemaUnknown), saying what to do, when there are tables of
// both and none was named, when those of native are in two schemas, or when the tables of the legacy layout, which are
// never made, are not there.
absl::StatusOr<const Layout*> FindLayout(PgConnection& connection, PostgresLayout named, absl::Time deadline);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_LAYOUT_DETECTION_H_

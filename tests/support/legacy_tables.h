#ifndef AUTHSTATE_TESTS_SUPPORT_LEGACY_TABLES_H_
#define AUTHSTATE_TESTS_SUPPORT_LEGACY_TABLES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

// The tables whatsapp_auth and whatsapp_keys, for tests of what authstate does with them.
namespace authstate::test {

enum class LegacyTables : std::uint8_t {
  // legacy_tables.sql
  kPlain,
  // and legacy_tables_dressed.sql: triggers, row level security, other types; to be served as the role `app`.
  kDressed,
};

// Makes them in the empty database at `url`.
absl::Status CreateLegacyTables(const std::string& url, LegacyTables tables);

// The same database as the role `app`.
std::string AsApp(const std::string& url);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_LEGACY_TABLES_H_

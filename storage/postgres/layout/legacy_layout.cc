#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/str_replace.h"
#include "storage/error.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/layout/legacy_value.h"
#include "storage/postgres/sql/grant_statements.h"
#include "storage/postgres/sql/lease_statements.h"
#include "storage/postgres/sql/legacy_statements.h"
#include "storage/postgres/sql/maintenance_statements.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/statements.h"

namespace authstate::storage {
namespace {

absl::StatusOr<Value> ToLegacyValue(const ValuePlace& /*place*/, std::int64_t /*kind*/, absl::string_view hex,
                                    const DataKey* /*key*/) {
  absl::StatusOr<Value> value = FromLegacyJson(FromHex(hex));
  if (value.ok()) return value;
  return Error(absl::StatusCode::kDataLoss, kCorruptValue, "a stored value is none of WhatsApp authentication state");
}

// Invalid JSON, a NUL character, a number out of range, an array or a text too long, and nested too deep.
bool RefusesLegacyValue(absl::string_view sqlstate) {
  static constexpr std::array<absl::string_view, 6> kStates = {"22P02", "22P05", "22003", "22001", "54000", "54001"};
  return std::find(kStates.begin(), kStates.end(), sqlstate) != kStates.end();
}

}  // namespace

const Layout& LegacyLayout() {
  // The native statements, over the companion.
  const auto over_companion = [](const char* sql) {
    return new std::string(absl::StrReplaceAll(
        sql, {{"auth_sessions", "authstate.legacy_sessions"}, {"auth_grants", "authstate.legacy_grants"}}));
  };
  static const auto* const kLeases = over_companion(statements::kLeases);
  static const auto* const kResolve = over_companion(statements::kResolve.text);
  static const auto* const kListGrants = over_companion(statements::kListGrants.text);
  static const auto* const kCreateGrant = over_companion(statements::kCreateGrant.text);
  static const auto* const kRotateGrant = over_companion(statements::kRotateGrant.text);
  static const auto* const kRevokeGrant = over_companion(statements::kRevokeGrant.text);
  static const auto* const kNoteGrantUses = over_companion(statements::kNoteGrantUses);
  static const auto* const kGetMaintenance = over_companion(statements::kGetMaintenance.text);
  static const auto* const kBeginMaintenance = over_companion(statements::kBeginMaintenance.text);
  static const auto* const kEndMaintenance = over_companion(statements::kEndMaintenance.text);
  static const auto* const kStoreId = over_companion(statements::kStoreId);
  static const Layout kLayout = {
      /*name=*/"legacy",
      /*commit=*/legacy_statements::kCommit.text,
      /*commit_writes=*/nullptr,
      /*commit_sets=*/nullptr,
      /*most_keys_by_a_kept_plan=*/256,
      /*resolve=*/kResolve->c_str(),
      /*leases=*/kLeases->c_str(),
      /*grants=*/
      {kListGrants->c_str(), kCreateGrant->c_str(), kRotateGrant->c_str(), kRevokeGrant->c_str(),
       kNoteGrantUses->c_str(), kGetMaintenance->c_str(), kBeginMaintenance->c_str(), kEndMaintenance->c_str()},
      /*store_id=*/kStoreId->c_str(),
      /*read=*/legacy_statements::kRead,
      /*list=*/legacy_statements::kList,
      /*damaged=*/nullptr,
      /*snapshot_head=*/legacy_statements::kSnapshotHead,
      /*snapshot_page=*/legacy_statements::kSnapshotPage,
      /*sealing=*/{},
      /*schema=*/
      MakeLayoutSchema(LegacyMigrations, kOwnSchema,
                       {"legacy_schema_migrations", "legacy_sessions", "legacy_grants", "legacy_grants_version"}),
      /*tables_of_others=*/{"whatsapp_auth", "whatsapp_keys"},
      /*purge=*/legacy_statements::kPurge,
      /*packs_values=*/false,
      /*encode=*/EncodeLegacyCommit,
      /*to_value=*/ToLegacyValue,
      /*refuses=*/RefusesLegacyValue,
  };
  return kLayout;
}

}  // namespace authstate::storage

#include <cstddef>
#include <deque>
#include <limits>
#include <map>
#include <string>

#include "absl/base/const_init.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/mutex.h"
#include "storage/postgres/layout/layout.h"
#include "storage/postgres/layout/native_value.h"
#include "storage/postgres/sql/commit_writes_statement.h"
#include "storage/postgres/sql/grant_statements.h"
#include "storage/postgres/sql/lease_statements.h"
#include "storage/postgres/sql/maintenance_statements.h"
#include "storage/postgres/sql/row.h"
#include "storage/postgres/sql/sealing_statements.h"
#include "storage/postgres/sql/statements.h"

namespace authstate::storage {
namespace {

// What the creds, or the key that a row names, count in the sum over the names of all that a session has, from 2^32 to
// 2^33: what is missing, or stands there under another name, changes the sum. PostgreSQL keeps this hash as it is, as
// partitions depend on it.
constexpr absl::string_view kCredsNumber = "6442450944";

std::string NumberOf(absl::string_view row) {
  return absl::StrCat("((hashtextextended(", row, ".key_id COLLATE \"C\", hashtextextended(", row,
                      ".key_type COLLATE \"C\", 0)) & 4294967295) + 4294967296)");
}

// The sum over the names of the creds and keys that are stored of the session in `row`.
std::string NamesOf(absl::string_view row) {
  return absl::StrCat("(SELECT coalesce(sum(", NumberOf("n"),
                      ")::int8, 0) + CASE WHEN EXISTS (SELECT FROM auth_creds nc", " WHERE nc.session_id = ", row,
                      ".session_id) THEN ", kCredsNumber, " ELSE 0 END FROM auth_keys n WHERE n.session_id = ", row,
                      ".session_id)");
}

// `texts` keeps the statements.
Layout MakeLayout(absl::string_view home, std::deque<std::string>* texts) {
  const std::string tables = absl::StrCat(home, ".auth_");
  const auto in_home = [&tables, texts](const char* sql) {
    const std::string whole = absl::StrReplaceAll(sql, {{"{names a}", NamesOf("a")},
                                                        {"{names i}", NamesOf("i")},
                                                        {"{number w}", NumberOf("w")},
                                                        {"{number d}", NumberOf("d")},
                                                        {"{number measured}", NumberOf("measured")},
                                                        {"{creds}", kCredsNumber}});
    return texts->emplace_back(absl::StrReplaceAll(whole, {{"auth_", tables}})).c_str();
  };
  return {
      /*name=*/"native",
      /*commit=*/in_home(statements::kCommit.text),
      /*commit_writes=*/in_home(statements::kCommitWrites.text),
      /*commit_sets=*/in_home(statements::kCommitSets.text),
      /*most_keys_by_a_kept_plan=*/std::numeric_limits<std::size_t>::max(),
      /*resolve=*/in_home(statements::kResolve.text),
      /*leases=*/in_home(statements::kLeases),
      /*grants=*/
      {in_home(statements::kListGrants.text), in_home(statements::kCreateGrant.text),
       in_home(statements::kRotateGrant.text), in_home(statements::kRevokeGrant.text),
       in_home(statements::kNoteGrantUses), in_home(statements::kGetMaintenance.text),
       in_home(statements::kBeginMaintenance.text), in_home(statements::kEndMaintenance.text)},
      /*store_id=*/in_home(statements::kStoreId),
      /*read=*/in_home(statements::kRead),
      /*list=*/in_home(statements::kList),
      /*damaged=*/in_home(statements::kDamaged),
      /*snapshot_head=*/in_home(statements::kSnapshotHead),
      /*snapshot_page=*/in_home(statements::kSnapshotPage),
      /*sealing=*/
      {in_home(statements::kKeyring), in_home(statements::kRememberKey), in_home(statements::kForgetKeys),
       in_home(statements::kHidingKey), in_home(statements::kHideKeyIds), in_home(statements::kRewrapHidingKey),
       in_home(statements::kListDataKeys), in_home(statements::kRewrap), in_home(statements::kLockToReseal),
       in_home(statements::kResealCreds), in_home(statements::kResealKeys), in_home(statements::kSetDataKey)},
      /*schema=*/
      MakeLayoutSchema(PostgresMigrations, home,
                       {"auth_schema_migrations", "auth_sessions", "auth_creds", "auth_keys", "auth_grants",
                        "auth_grants_version", "auth_keyring", "auth_hidden_key_ids"}),
      /*tables_of_others=*/{},
      /*purge=*/nullptr,
      /*packs_values=*/true,
      /*encode=*/nullptr,
      /*to_value=*/ToNativeValue,
      /*refuses=*/nullptr,
  };
}

}  // namespace

const Layout& NativeLayout(absl::string_view home) {
  static absl::Mutex mutex(absl::kConstInit);
  static auto* const layouts = new std::map<std::string, Layout>;
  // As long as the program lives: a connection knows a statement again by its address.
  static auto* const texts = new std::deque<std::string>;
  const absl::MutexLock lock(&mutex);
  const auto found = layouts->find(std::string(home));
  if (found != layouts->end()) return found->second;
  return layouts->emplace(home, MakeLayout(home, texts)).first->second;
}

}  // namespace authstate::storage

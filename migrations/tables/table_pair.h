#ifndef AUTHSTATE_MIGRATIONS_TABLES_TABLE_PAIR_H_
#define AUTHSTATE_MIGRATIONS_TABLES_TABLE_PAIR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "migrations/tables/catalogue.h"

// One table as it is in two databases, and the statements by which its rows are compared and carried over. Columns are
// named in one order, that of the source, whatever their places are. Pure.
namespace authstate::tables {

// The values of a row's key, in the order of TablePair::key.
using KeyValues = std::vector<std::string>;

// Rows between two keys. In a table that is compared by buckets there are no keys to stand between, and `buckets` says
// which rows are meant.
struct KeyRange {
  // Exclusive; nullopt: from the first row on.
  std::optional<KeyValues> after;
  // Inclusive; nullopt: up to the last.
  std::optional<KeyValues> up_to;
  // First digits of the md5 of the key; empty: all.
  std::vector<std::string> buckets;
};

// Columns that no two rows of the target may share, beside the key.
struct UniqueColumns {
  std::vector<std::string> columns;
  // `"yclients_id" = NULL`: makes room for another row to have what this one has; empty where there is no way.
  std::string parked;
};

struct TablePair {
  std::string name;
  // `"public"."clients"`.
  std::string sql_name;
  // By which a row here is the row there: the primary key of the target.
  std::vector<std::string> key;
  // Whether the source forbids two rows that agree in it. If not, AnyTwice tells whether it has them.
  bool unique = false;
  // Whether both databases find keys in order, and the same one. If not, rows are gathered in buckets by a hash of
  // their key.
  bool ordered = false;
  // What is compared, key included.
  std::vector<std::string> columns;
  // What is written: not what the target generates.
  std::vector<std::string> written;
  // The types of `written` in the target.
  std::vector<std::string> types;
  std::vector<UniqueColumns> uniques;
  // An estimate of the source's rows.
  std::int64_t estimate = 0;
  // Whether rows of other tables, or its own, point here: a row of it cannot be taken away for a moment.
  bool referenced = false;
  // Whether its own rows point at each other.
  bool refers_to_itself = false;

  // A condition that holds for the rows of `range`.
  std::string Where(const KeyRange& range) const;
  // One that holds for the rows with these keys.
  std::string Among(const std::vector<KeyValues>& keys) const;
  // Of an ordered table: the number of rows in `range`, and a digest of them: 32 hex digits, NULL of none. `tag` is the
  // first column.
  std::string Sum(const KeyRange& range, std::size_t tag) const;
  // Whether there is a row in `range`.
  std::string Any(const KeyRange& range) const;
  // Whether two rows agree in the key.
  std::string AnyTwice() const;
  // `tag`, the key, and the digest of each row in `range`.
  std::string Digests(const KeyRange& range, std::size_t tag) const;
  // `tag`, and the key of every `step`th row of `range`, up to `most` of them.
  std::string Borders(const KeyRange& range, std::int64_t step, std::int64_t most, std::size_t tag) const;
  // For a table in buckets: bucket, number of rows and digest, of `digits` hex digits each.
  std::string BucketSums(int digits) const;
  // The key, then `names`, of the rows with these keys.
  std::string Select(const std::vector<std::string>& names, const std::vector<KeyValues>& keys) const;
  // `written`, of the rows in this range.
  std::string SelectAll(const KeyRange& range) const;
  // `"public"."clients" ("id", …)`.
  std::string Into() const;
  // Makes rows what `rows` says, a QuoteRow each.
  std::string Upsert(const std::string& rows) const;
  std::string Delete(const std::vector<KeyValues>& keys) const;
  // Deletes up to `most` rows of `range`.
  std::string DeleteSome(const KeyRange& range, std::int64_t most) const;

  // `id=17, date=2025-11-02`, for people.
  std::string Describe(const KeyValues& key_values) const;
};

// How the table of `from` and the one of `to` belong together; both have it. FailedPrecondition when there is no key by
// which a row of one could be looked for in the other.
absl::StatusOr<TablePair> PairTables(const Catalogue& from, const Catalogue& to, const std::string& name);

// FailedPrecondition: rows of the source agree in the key.
absl::Status KeyTwice(const TablePair& pair);

}  // namespace authstate::tables

#endif  // AUTHSTATE_MIGRATIONS_TABLES_TABLE_PAIR_H_

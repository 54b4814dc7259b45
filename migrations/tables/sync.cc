#include "migrations/tables/sync.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "migrations/tables/broken_key.h"
#include "migrations/tables/compare.h"

namespace authstate::tables {
namespace {

enum class Pass : std::uint8_t { kCopy, kDelete };

constexpr char kForeignKeyViolation[] = "23503";

// Rows that a deferred foreign key does not allow to be written, or deleted, each with its name.
using Aside = std::map<KeyValues, std::string>;

// Does what a comparison finds: in one pass what is to be copied, in the other what is to be deleted.
class Doer final : public DifferenceSink {
 public:
  Doer(Pass pass, bool dry_run, const std::function<absl::Status()>& before_writing, RowWriter& writer,
       TableSync& table, const SyncProgress& progress, std::int64_t about)
      : pass_(pass),
        dry_run_(dry_run),
        before_writing_(before_writing),
        writer_(writer),
        table_(table),
        progress_(progress),
        about_(about) {}

  absl::StatusOr<bool> Missing(const KeyRange& range, std::int64_t rows) override {
    if (pass_ == Pass::kDelete) return true;
    if (!dry_run_ && aside_ == nullptr) {
      if (absl::Status may = before_writing_(); !may.ok()) return may;
      const absl::StatusOr<bool> copied = writer_.CopyRange(range);
      if (!copied.ok() || !*copied) return copied;
    } else if (!dry_run_) {
      return false;
    }
    table_.missing += rows;
    return true;
  }
  absl::StatusOr<bool> Extra(const KeyRange& range, std::int64_t rows) override {
    if (pass_ == Pass::kDelete) {
      if (aside_ != nullptr && !aside_->empty()) return false;
      if (absl::Status may = before_writing_(); !may.ok()) return may;
      return writer_.DeleteRange(range);
    }
    table_.extra += rows;
    return true;
  }
  absl::Status Differing(const std::vector<RowDifference>& rows) override {
    std::vector<KeyValues> keys;
    for (const RowDifference& row : rows) {
      const bool extra = row.kind == DifferenceKind::kExtra;
      const bool left_out = aside_ != nullptr && aside_->count(row.key) > 0;
      if (extra == (pass_ == Pass::kDelete) && !left_out) keys.push_back(row.key);
      if (pass_ == Pass::kDelete) continue;
      ++(extra ? table_.extra : row.kind == DifferenceKind::kMissing ? table_.missing : table_.different);
    }
    if (dry_run_ || keys.empty()) return absl::OkStatus();
    if (absl::Status may = before_writing_(); !may.ok()) return may;
    return pass_ == Pass::kCopy ? writer_.CopyRows(keys) : writer_.DeleteRows(keys);
  }
  void Compared(std::int64_t rows) override {
    if (pass_ != Pass::kCopy) return;
    compared_ += rows;
    TableSync shown = table_;
    shown.copied += writer_.counts().copied;
    progress_(shown, compared_, std::max(about_, compared_));
  }

  // Row by row only: a range that fails would end the transaction that all stand in. Rows of `aside` are counted, and
  // left as they are.
  void BeInTransaction(const Aside* aside) { aside_ = aside; }

 private:
  const Pass pass_;
  const bool dry_run_;
  const std::function<absl::Status()>& before_writing_;
  RowWriter& writer_;
  TableSync& table_;
  const SyncProgress& progress_;
  const std::int64_t about_;
  std::int64_t compared_ = 0;
  const Aside* aside_ = nullptr;
};

class Syncing {
 public:
  Syncing(Database& from, Database& to, const Catalogue& to_catalogue, const SyncOptions& options,
          const SyncProgress& progress)
      : from_(from), to_(to), to_catalogue_(to_catalogue), options_(options), progress_(progress) {}

  absl::Status Prepare(const Catalogue& from, const std::vector<std::string>& tables);
  absl::Status Round();
  SyncResult& result() { return result_; }

 private:
  struct Member {
    TablePair pair;
    std::size_t place = 0;
  };
  using Group = std::pair<std::vector<Member>, bool>;

  absl::Status RefuseEmptying(const std::string& table) const;
  // The first time alone.
  absl::Status BeforeWriting();
  absl::Status DoGroup(const Group& group, Pass pass);
  absl::Status DoCircle(const Group& group, Pass pass);
  absl::Status DoMembers(const Group& group, Pass pass, bool in_transaction);
  absl::StatusOr<bool> SetAside(const Group& group, Pass pass);
  absl::Status DoTable(const Member& member, Pass pass, bool in_transaction);
  absl::Status DoOnce(const Member& member, Pass pass, bool in_transaction);
  std::size_t RefusedForParents(const std::string& table) const;

  Database& from_;
  Database& to_;
  const Catalogue& to_catalogue_;
  const SyncOptions& options_;
  const SyncProgress& progress_;
  // What is set aside of each table of the group that is being written.
  std::map<std::string, Aside> aside_;
  std::vector<Group> groups_;
  bool writing_ = false;
  SyncResult result_;
};

absl::Status Syncing::RefuseEmptying(const std::string& table) const {
  return absl::FailedPreconditionError(
      absl::StrCat(table, " is empty in ", from_.title(), " and has rows in ", to_.title(),
                   ", which would be deleted: are --from and --to the right way round? If so, say --allow-emptying"));
}

absl::Status Syncing::BeforeWriting() {
  if (std::exchange(writing_, true)) return absl::OkStatus();
  return options_.before_writing();
}

absl::Status Syncing::Prepare(const Catalogue& from, const std::vector<std::string>& tables) {
  const absl::StatusOr<std::vector<TableGroup>> order = OrderTables(from, to_catalogue_, tables);
  if (!order.ok()) return order.status();
  for (const TableGroup& group : *order) {
    Group& members = groups_.emplace_back();
    members.second = group.one_transaction;
    for (const std::string& name : group.tables) {
      absl::StatusOr<TablePair> pair = PairTables(from, to_catalogue_, name);
      if (!pair.ok()) return pair.status();
      result_.tables.emplace_back().table = name;
      members.first.push_back({*std::move(pair), result_.tables.size() - 1});
    }
  }
  if (options_.allow_emptying || options_.dry_run) return absl::OkStatus();
  for (const Group& group : groups_) {
    for (const Member& member : group.first) {
      const std::string any = member.pair.Any({});
      const auto rows = Database::ReadBoth(from_, any, to_, any);
      if (!rows.ok()) return rows.status();
      if (!rows->first.Bool(0, 0) && rows->second.Bool(0, 0)) return RefuseEmptying(member.pair.name);
    }
  }
  return absl::OkStatus();
}

std::size_t Syncing::RefusedForParents(const std::string& table) const {
  return std::count_if(result_.refused.begin(), result_.refused.end(), [&table](const RefusedRow& row) {
    return row.table == table && row.sqlstate == kForeignKeyViolation;
  });
}

absl::Status Syncing::DoOnce(const Member& member, Pass pass, bool in_transaction) {
  TableSync& table = result_.tables[member.place];
  if (pass == Pass::kCopy) table.missing = table.extra = table.different = 0;
  // Of a table that points at itself DoTable counts them, once no more can be done.
  const std::size_t most = member.pair.refers_to_itself ? std::numeric_limits<std::size_t>::max() : options_.max_errors;
  RowWriter writer(from_, to_, member.pair, options_.batch, most, &result_.refused);
  const std::function<absl::Status()> before_writing = [this] { return BeforeWriting(); };
  Doer doer(pass, options_.dry_run, before_writing, writer, table, progress_, member.pair.estimate);
  if (in_transaction) doer.BeInTransaction(&aside_[table.table]);
  const absl::StatusOr<RowCounts> rows = CompareTable(from_, to_, member.pair, doer);
  table.copied += writer.counts().copied;
  table.deleted += writer.counts().deleted;
  if (!rows.ok()) return rows.status();
  if (pass == Pass::kDelete) return absl::OkStatus();
  table.from_rows = rows->from;
  table.to_rows = rows->to;
  // Emptied since Prepare looked.
  if (rows->from == 0 && rows->to > 0 && !options_.allow_emptying && !options_.dry_run) {
    return RefuseEmptying(table.table);
  }
  return absl::OkStatus();
}

// Rows that point at rows of the same table may come before them, and be gone after them: they are refused, and
// accepted once those are there, or gone.
absl::Status Syncing::DoTable(const Member& member, Pass pass, bool in_transaction) {
  while (true) {
    const std::vector<RefusedRow> before = result_.refused;
    const TableSync& table = result_.tables[member.place];
    const std::int64_t written = table.copied + table.deleted;
    if (absl::Status done = DoOnce(member, pass, in_transaction); !done.ok()) return done;
    const bool again = member.pair.refers_to_itself && !options_.dry_run && RefusedForParents(table.table) > 0 &&
                       table.copied + table.deleted > written;
    if (!again) break;
    result_.refused = before;
  }
  return result_.refused.size() <= options_.max_errors ? absl::OkStatus() : TooManyRefused(options_.max_errors);
}

absl::Status Syncing::DoMembers(const Group& group, Pass pass, bool in_transaction) {
  std::vector<Member> members = group.first;
  if (pass == Pass::kDelete) std::reverse(members.begin(), members.end());
  for (const Member& member : members) {
    if (pass == Pass::kDelete && result_.tables[member.place].extra == 0) continue;
    if (absl::Status done = DoTable(member, pass, in_transaction); !done.ok()) return done;
  }
  return absl::OkStatus();
}

absl::Status Syncing::DoGroup(const Group& group, Pass pass) {
  return group.second && !options_.dry_run ? DoCircle(group, pass) : DoMembers(group, pass, false);
}

// A deferred foreign key that does not hold tells so at the end of the transaction, and of which row it does not tell.
// Looks for those that point at nothing, to be left out the next time: they themselves, or what was deleted that they
// point at. False: all of it holds.
absl::StatusOr<bool> Syncing::SetAside(const Group& group, Pass pass) {
  const auto error = to_.Write("SET CONSTRAINTS ALL IMMEDIATE");
  if (!error.has_value()) return false;
  const absl::Status failed = ToStatus(
      *error, absl::StrCat("cannot write ", group.first.front().pair.name, " and what it refers to, to"), to_.title());
  const BrokenKey broken = FindBrokenKey(to_catalogue_, *error);
  if (broken.constraint == nullptr) return failed;
  const std::string& blamed = pass == Pass::kCopy ? broken.table : broken.constraint->referenced;
  const auto member = std::find_if(group.first.begin(), group.first.end(),
                                   [&blamed](const Member& one) { return one.pair.name == blamed; });
  if (member == group.first.end()) return failed;
  const std::vector<std::string>& key = member->pair.key;
  const std::string sql = pass == Pass::kCopy ? PointingAtNothing(to_catalogue_, broken, key, options_.max_errors + 1)
                                              : PointedAt(to_catalogue_, broken, key, options_.max_errors + 1);
  if (sql.empty()) return failed;
  const absl::StatusOr<Rows> rows = to_.Read(sql);
  if (!rows.ok()) return rows.status();
  bool any = false;
  for (int row = 0; row < rows->size(); ++row) {
    KeyValues values;
    for (int column = 0; column < rows->columns(); ++column) values.push_back(rows->Text(row, column));
    any = aside_[blamed].emplace(std::move(values), error->constraint).second || any;
  }
  if (!any) return failed;
  return true;
}

absl::Status Syncing::DoCircle(const Group& group, Pass pass) {
  aside_.clear();
  const std::vector<TableSync> tables = result_.tables;
  const std::vector<RefusedRow> refused = result_.refused;
  bool again = true;
  while (again) {
    absl::Status failed;
    const auto error = to_.Transact(
        "SET CONSTRAINTS ALL DEFERRED",
        [&]() -> absl::Status {
          again = false;
          result_.tables = tables;
          result_.refused = refused;
          if (absl::Status done = DoMembers(group, pass, true); !done.ok()) return done;
          const absl::StatusOr<bool> aside = SetAside(group, pass);
          again = aside.value_or(false);
          return again ? absl::AbortedError("rows are left out") : aside.status();
        },
        &failed);
    if (error.has_value()) return ToStatus(*error, "cannot write to", to_.title());
    if (!failed.ok() && !again) return failed;
    const std::size_t left_out =
        std::accumulate(aside_.begin(), aside_.end(), std::size_t{0},
                        [](std::size_t sum, const auto& entry) { return sum + entry.second.size(); });
    if (result_.refused.size() + left_out > options_.max_errors) return TooManyRefused(options_.max_errors);
  }
  for (const Member& member : group.first) {
    for (const auto& [key, constraint] : aside_[member.pair.name]) {
      result_.refused.push_back({member.pair.name, member.pair.Describe(key), "", constraint, kForeignKeyViolation});
    }
  }
  return absl::OkStatus();
}

absl::Status Syncing::Round() {
  ++result_.rounds;
  result_.refused.clear();
  for (const Group& group : groups_) {
    if (absl::Status done = DoGroup(group, Pass::kCopy); !done.ok()) return done;
  }
  result_.equal = std::all_of(result_.tables.begin(), result_.tables.end(),
                              [](const TableSync& table) { return table.found() == 0; });
  if (options_.dry_run) return absl::OkStatus();
  for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
    if (absl::Status done = DoGroup(*group, Pass::kDelete); !done.ok()) return done;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SyncResult> SyncTables(Database& from, const Catalogue& from_catalogue, Database& to,
                                      const Catalogue& to_catalogue, const std::vector<std::string>& tables,
                                      bool all_tables, const SyncOptions& options, const SyncProgress& progress) {
  Syncing syncing(from, to, to_catalogue, options, progress);
  if (absl::Status ready = syncing.Prepare(from_catalogue, tables); !ready.ok()) return ready;
  SyncResult& result = syncing.result();
  while (!result.equal && result.rounds < (options.dry_run ? 1 : options.rounds)) {
    if (absl::Status done = syncing.Round(); !done.ok()) return done;
  }
  auto places = ReadSequencePlaces(from, from_catalogue, to, to_catalogue, tables, all_tables);
  if (!places.ok()) return places.status();
  if (options.dry_run) {
    result.equal = result.equal && std::none_of(places->begin(), places->end(), [](const SequencePlace& place) {
                     return !place.missing && place.behind();
                   });
  } else {
    if (absl::Status set = AdvanceSequences(to, to_catalogue.schema, *places); !set.ok()) return set;
  }
  result.sequences = *std::move(places);
  return std::move(result);
}

}  // namespace authstate::tables

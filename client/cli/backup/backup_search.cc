#include "client/cli/backup/backup_search.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"

namespace authstate::cli {
namespace {

// One file, of which the sessions of some ranges are handed out.
class FileSearch {
 public:
  FileSearch(BackupReader& reader, std::string path, bool older, std::vector<IdRange> ranges)
      : reader_(reader), path_(std::move(path)), older_(older), ranges_(std::move(ranges)) {}

  absl::Status Run(const SearchListener& listener) {
    absl::StatusOr<std::optional<SessionStamp>> next = reader_.NextSession();
    while (true) {
      if (!next.ok()) {
        next = PassDamage(next.status(), listener);
        continue;
      }
      if (!next->has_value() || IsPast((*next)->session_id)) return absl::OkStatus();
      if (Wants((*next)->session_id)) {
        absl::StatusOr<Folder> state = ReadWholeSession(reader_);
        if (!state.ok()) {
          next = PassDamage(state.status(), listener);
          continue;
        }
        Mark((*next)->session_id);
        absl::Status heard =
            listener.on_session({**std::move(next), *std::move(state), path_, older_, reader_.header().file_id});
        if (!heard.ok()) return heard;
      }
      next = reader_.NextSession();
    }
  }

  // Where sessions of the ranges may be that this file has lost.
  std::vector<IdRange> TakeLost() { return std::move(lost_); }
  // Whether there is a range of one session that the file neither has nor has lost.
  bool misses_one() const {
    return absl::c_any_of(ranges_, [this](const IdRange& range) {
      const bool lost = absl::c_any_of(lost_, [&](const IdRange& other) { return other.Meets(range); });
      return range.exact && !lost && !absl::c_linear_search(found_, range.from);
    });
  }

 private:
  bool Wants(const std::string& id) const {
    return absl::c_any_of(ranges_, [&](const IdRange& range) { return range.Has(id); });
  }
  bool IsPast(const std::string& id) const {
    return absl::c_all_of(ranges_, [&](const IdRange& range) { return range.until.has_value() && id >= *range.until; });
  }
  void Mark(const std::string& id) {
    const bool alone = absl::c_any_of(ranges_, [&](const IdRange& range) { return range.exact && range.from == id; });
    if (alone) found_.push_back(id);
  }

  absl::StatusOr<std::optional<SessionStamp>> PassDamage(const absl::Status& damage, const SearchListener& listener) {
    listener.on_damage(damage);
    IdRange lost;
    std::optional<SessionStamp> next = reader_.SkipDamage(&lost);
    for (const IdRange& range : ranges_) {
      if (!range.Meets(lost)) continue;
      // What is in both.
      IdRange both = range.exact ? range : lost;
      if (!range.exact && both.from < range.from) both.from = range.from;
      if (!range.exact && range.until.has_value() && (!both.until.has_value() || *range.until < *both.until)) {
        both.until = range.until;
      }
      lost_.push_back(std::move(both));
    }
    return next;
  }

  BackupReader& reader_;
  const std::string path_;
  const bool older_;
  const std::vector<IdRange> ranges_;
  std::vector<IdRange> lost_;
  // Those of the ranges of one session alone.
  std::vector<std::string> found_;
};

}  // namespace

absl::StatusOr<SearchResult> SearchBackups(const std::vector<std::string>& files, const Keyring& keyring,
                                           const IdRange& wanted, const SearchListener& listener) {
  SearchResult result;
  std::vector<IdRange> ranges = {wanted};
  std::string store_id;
  for (const std::string& path : files) {
    const bool first = &path == &files.front();
    const absl::StatusOr<std::unique_ptr<BackupReader>> reader = BackupReader::Open(path, keyring);
    if (!reader.ok() && first) return reader.status();
    if (!reader.ok()) {
      listener.on_damage(reader.status());
      continue;
    }
    if ((*reader)->header().IsOfAnotherStore(store_id)) continue;
    if (first) store_id = (*reader)->header().store_id;
    FileSearch search(**reader, path, !first, std::move(ranges));
    absl::Status status = search.Run(listener);
    if (!status.ok()) return status;
    result.incomplete = result.incomplete || (!first && search.misses_one());
    ranges = search.TakeLost();
    result.damaged = result.damaged || !ranges.empty();
    // Where it is not known which were lost, an older file does not tell whether it has them all.
    result.incomplete = result.incomplete || absl::c_any_of(ranges, [](const IdRange& range) { return !range.exact; });
    if (ranges.empty()) break;
  }
  result.incomplete = result.incomplete || !ranges.empty();
  return result;
}

}  // namespace authstate::cli

#ifndef AUTHSTATE_STORAGE_RECENT_COMMITS_H_
#define AUTHSTATE_STORAGE_RECENT_COMMITS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace authstate::storage {

// The last kRecentCommits commits of one session, by their ids (storage/backend.h): what tells that a commit has been
// applied before. Encoded as
//
//   id        uint64, big-endian
//   revision  uint64, big-endian
//
// of each commit, newest first. Not thread-safe.
class RecentCommits {
 public:
  RecentCommits() = default;
  // Reads what Encode wrote.
  explicit RecentCommits(absl::string_view encoded);

  // The revision that the commit led to; nullopt when it is not among them, or when `id` is 0.
  std::optional<std::uint64_t> Find(std::uint64_t id) const;
  // Remembers one more, unless `id` is 0, and forgets the oldest.
  void Add(std::uint64_t id, std::uint64_t revision);

  std::string Encode() const;

  struct Entry {
    std::uint64_t id;
    std::uint64_t revision;
  };
  // Newest first.
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  std::deque<Entry> entries_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_RECENT_COMMITS_H_

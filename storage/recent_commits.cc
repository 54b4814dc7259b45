#include "storage/recent_commits.h"

#include <cstddef>

#include "storage/backend.h"

namespace authstate::storage {
namespace {
constexpr std::size_t kNumberBytes = sizeof(std::uint64_t);
constexpr unsigned kBitsOfByte = 8;

std::uint64_t Decode(absl::string_view bytes) {
  std::uint64_t number = 0;
  for (const char byte : bytes) number = number << kBitsOfByte | static_cast<unsigned char>(byte);
  return number;
}

void Append(std::uint64_t number, std::string& encoded) {
  for (std::size_t i = 1; i <= kNumberBytes; ++i) {
    encoded.push_back(static_cast<char>(number >> (kBitsOfByte * (kNumberBytes - i))));
  }
}

}  // namespace

RecentCommits::RecentCommits(absl::string_view encoded) {
  for (; encoded.size() >= 2 * kNumberBytes; encoded.remove_prefix(2 * kNumberBytes)) {
    entries_.push_back({Decode(encoded.substr(0, kNumberBytes)), Decode(encoded.substr(kNumberBytes, kNumberBytes))});
  }
}

std::optional<std::uint64_t> RecentCommits::Find(std::uint64_t id) const {
  if (id == 0) return std::nullopt;
  for (const Entry& entry : entries_) {
    if (entry.id == id) return entry.revision;
  }
  return std::nullopt;
}

void RecentCommits::Add(std::uint64_t id, std::uint64_t revision) {
  if (id == 0) return;
  entries_.push_front({id, revision});
  if (entries_.size() > kRecentCommits) entries_.pop_back();
}

std::string RecentCommits::Encode() const {
  std::string encoded;
  for (const Entry& entry : entries_) {
    Append(entry.id, encoded);
    Append(entry.revision, encoded);
  }
  return encoded;
}

}  // namespace authstate::storage

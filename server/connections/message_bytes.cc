#include "server/connections/message_bytes.h"

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace authstate::server {
namespace {

struct Count {
  // More than one only where a client comes again from a port before the end of its last connection was seen.
  int connections = 0;
  std::uint64_t bytes = 0;
};

ABSL_CONST_INIT absl::Mutex mutex(absl::kConstInit);

// By gRPC's name for a connection, so that a call has nothing to translate. Never destroyed, as calls may outlive it.
absl::flat_hash_map<std::string, Count>& Counts() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
  static auto* const counts = new absl::flat_hash_map<std::string, Count>;
  return *counts;
}

// `ipv4:127.0.0.1:41234` or `ipv6:%5B::1%5D:41234`.
std::string UriOf(absl::string_view peer) {
  if (peer.empty() || peer.front() != '[') return absl::StrCat("ipv4:", peer);
  return absl::StrCat("ipv6:", absl::StrReplaceAll(peer, {{"[", "%5B"}, {"]", "%5D"}}));
}

}  // namespace

void CountMessage(const std::string& uri, std::size_t bytes) {
  const absl::MutexLock lock(&mutex);
  const auto found = Counts().find(uri);
  if (found != Counts().end()) found->second.bytes += bytes;
}

void CountMessagesFrom(const std::string& peer) {
  const absl::MutexLock lock(&mutex);
  Count& count = Counts()[UriOf(peer)];
  ++count.connections;
  count.bytes = 0;
}

void ForgetMessagesFrom(const std::string& peer) {
  const absl::MutexLock lock(&mutex);
  const auto found = Counts().find(UriOf(peer));
  if (found != Counts().end() && --found->second.connections == 0) Counts().erase(found);
}

std::uint64_t MessageBytesFrom(const std::string& peer) {
  const absl::MutexLock lock(&mutex);
  const auto found = Counts().find(UriOf(peer));
  return found == Counts().end() ? 0 : found->second.bytes;
}

}  // namespace authstate::server

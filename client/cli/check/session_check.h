#ifndef AUTHSTATE_CLIENT_CLI_CHECK_SESSION_CHECK_H_
#define AUTHSTATE_CLIENT_CLI_CHECK_SESSION_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cpp/types.h"
#include "contract/session_state.h"
#include "contract/value.h"

// Whether Baileys can go on with a session, told from what is stored of it. What is checked, and where Baileys says so,
// is docs/session-check.md.
namespace authstate::cli {

// How many pre-key ids there are: an id has three bytes on the wire.
inline constexpr std::uint64_t kPreKeyIds = std::uint64_t{1} << 24;

struct Finding {
  // A word that programs can tell findings apart by: `PRE_KEY_REUSE`.
  std::string reason;
  // A sentence that people read; it holds neither secrets nor phone numbers.
  std::string message;
  // Whether something is wrong, and not just remarkable.
  bool wrong = true;
};

struct KeyTypeSize {
  std::uint64_t count = 0;
  // The bytes of their values, without names.
  std::uint64_t bytes = 0;
};

struct LargeValue {
  client::KeyName name;
  std::uint64_t bytes = 0;
};

struct SessionReport {
  SessionState state = SessionState::kUnpaired;
  std::vector<Finding> findings;
  std::optional<std::uint64_t> creds_bytes;
  std::map<std::string, KeyTypeSize> types;
  // The three largest, the largest first.
  std::vector<LargeValue> largest;

  bool wrong() const;
};

// Takes a session, creds first and then its keys in any order and number, and judges it. Not thread-safe.
class SessionCheck {
 public:
  void AddCreds(const Value& creds);
  void AddKey(const client::KeyEntry& key);
  SessionReport Finish() &&;

 private:
  void Find(absl::string_view reason, std::string message, bool wrong = true);
  void CheckKeyPair(absl::string_view path);
  void CheckSignatures();
  void CheckAccount();
  void CheckCounters();

  std::optional<Value> creds_;
  SessionReport report_;
  std::optional<std::uint64_t> highest_pre_key_;
  std::uint64_t overgrown_ = 0;
  std::uint64_t no_buffers_ = 0;
  std::vector<std::string> app_state_key_ids_;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_CHECK_SESSION_CHECK_H_

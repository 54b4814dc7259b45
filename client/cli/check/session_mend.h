#ifndef AUTHSTATE_CLIENT_CLI_CHECK_SESSION_MEND_H_
#define AUTHSTATE_CLIENT_CLI_CHECK_SESSION_MEND_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/cli/check/session_check.h"
#include "client/cpp/types.h"
#include "contract/value.h"

// What of a session can be mended without WhatsApp; docs/session-check.md says why each step is safe.
namespace authstate::cli {

struct MendStep {
  // A word that programs can tell steps apart by: `COUNTERS_RAISED`.
  std::string reason;
  // What is changed and why; it holds neither secrets nor phone numbers.
  std::string message;
};

struct Mended {
  // In the order in which they are taken; empty: there is nothing to mend.
  std::vector<MendStep> steps;
  // What takes the place of what is stored; nullopt: the creds stay.
  std::optional<Value> creds;
  std::vector<client::KeyEntry> keys;
  // The judgement of the session as it then is.
  SessionReport after;
};

// Takes a session, creds first and then its keys in any order and number, and mends a copy. Not thread-safe.
class SessionMend {
 public:
  void AddCreds(const Value& creds);
  void AddKey(const client::KeyEntry& key);
  Mended Finish() &&;

 private:
  void Step(std::string reason, std::string message);
  void RaiseCounters();

  Mended mended_;
  std::optional<Value> creds_;
  SessionCheck after_;
  std::uint64_t highest_pre_key_ = 0;
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_CHECK_SESSION_MEND_H_

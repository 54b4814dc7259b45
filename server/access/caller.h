#ifndef AUTHSTATE_SERVER_ACCESS_CALLER_H_
#define AUTHSTATE_SERVER_ACCESS_CALLER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/access/access_list.h"
#include "server/access/access_watch.h"
#include "server/access/credentials.h"
#include "storage/grant.h"

namespace authstate::server {

// Who makes a call, and what that may be: by a token alone, else by the client's certificate, else nobody. Each
// question is answered by the list in force at that moment, so that one that was asked before is no leave for what
// comes after; a secret is hashed once, and what it led to is kept until there is another list or a grant expires. Who
// was refused as a caller stays so.
//
// Thread-safe. Never blocks.
class Caller {
 public:
  // `access` outlives it.
  Caller(const AccessWatch& access, Credentials shown);
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  // Whether it may call at all: Unauthenticated (server/access/refusals.h) if not.
  absl::Status Authenticate();
  // Whether it has `right` on this session, which need not exist. PermissionDenied if not, besides the above.
  absl::Status Permit(storage::Right right, absl::string_view session_id);
  // The same of kAdmin, which is of no session.
  absl::Status PermitAdmin();
  // The sessions on which it has `right`, as ScopesWith has them; PermissionDenied where these are none.
  absl::StatusOr<std::vector<storage::SessionScope>> Scopes(storage::Right right);

  // For the log: the id of the token, or a name of the certificate. Empty for nobody, and for what is no token.
  const std::string& name() const { return name_; }
  // A name of the client's certificate, also where a token was shown beside it. Empty: there is none.
  const std::string& certificate() const { return certificate_; }

 private:
  absl::Status Look() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LookForToken(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status LookForCertificate(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteUse() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const AccessWatch& access_;
  const std::string certificate_;
  const std::string name_;
  absl::Mutex mutex_;
  // The secret goes once it was compared.
  Credentials shown_ ABSL_GUARDED_BY(mutex_);
  // What the secret was found to fit: its hash, and the key of that.
  std::string hash_ ABSL_GUARDED_BY(mutex_);
  std::string hash_key_ ABSL_GUARDED_BY(mutex_);
  AccessWatch::Current seen_ ABSL_GUARDED_BY(mutex_);
  // In `seen_`, and until when all of them are in force by the clock of the database.
  std::vector<const ListedGrant*> grants_ ABSL_GUARDED_BY(mutex_);
  absl::Time end_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Status refused_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_ACCESS_CALLER_H_

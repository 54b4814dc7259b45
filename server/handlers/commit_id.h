#ifndef AUTHSTATE_SERVER_HANDLERS_COMMIT_ID_H_
#define AUTHSTATE_SERVER_HANDLERS_COMMIT_ID_H_

#include <cstdint>

namespace authstate::server {

// For a commit whose caller gave it no id: also one that its caller will not recognise again can be looked up by the
// backend. Never 0.
std::uint64_t NewCommitId();

}  // namespace authstate::server

#endif  // AUTHSTATE_SERVER_HANDLERS_COMMIT_ID_H_

#ifndef AUTHSTATE_TESTS_FUZZ_VALID_WORK_H_
#define AUTHSTATE_TESTS_FUZZ_VALID_WORK_H_

#include "storage/backend.h"

// What storage may rely on in work that has passed validation. Each ends the process where that does not hold.
namespace authstate::fuzz {

// Whether the session is named in the work itself, or by the channel of a pipe.
enum class Session : bool { kOfChannel, kNamed };

void CheckWork(const storage::Commit& commit, Session session);
void CheckWork(const storage::ReadRequest& read, Session session);
void CheckWork(const storage::LeaseRequest& request, Session session);

}  // namespace authstate::fuzz

#endif  // AUTHSTATE_TESTS_FUZZ_VALID_WORK_H_

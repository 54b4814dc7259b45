#ifndef AUTHSTATE_TESTS_CONFORMANCE_KEYRING_OF_ENVIRONMENT_H_
#define AUTHSTATE_TESTS_CONFORMANCE_KEYRING_OF_ENVIRONMENT_H_

#include <cstdlib>
#include <memory>

#include "tests/unit/keyring/test_keyring.h"

namespace authstate::conformance {

// One keyring for every store where the environment variable AUTHSTATE_TEST_KEYRING is set, so that all their sessions
// are encrypted; else null.
inline std::shared_ptr<const Keyring> KeyringOfEnvironment() {
  return std::getenv("AUTHSTATE_TEST_KEYRING") == nullptr ? nullptr : test::MakeKeyring({{"k", 'a'}});
}

// Whether these stores hide key ids too: where AUTHSTATE_TEST_HIDDEN_IDS is set.
inline bool HideKeyIdsOfEnvironment() { return std::getenv("AUTHSTATE_TEST_HIDDEN_IDS") != nullptr; }

}  // namespace authstate::conformance

#endif  // AUTHSTATE_TESTS_CONFORMANCE_KEYRING_OF_ENVIRONMENT_H_

#ifndef AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_STORED_VALUE_H_
#define AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_STORED_VALUE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace authstate::test {

// Histories know values by short names, `CLIENT.NUMBER`. What is stored for half of them, several in a row, is that
// name and a long tail, the same for all, so that a server writes what has changed of such a value
// (storage/postgres/layout/value_patch.h) and not the value.
std::string StoredValue(absl::string_view name);

// The name of which `stored` is the value; another text, which no history explains, when it is that of none.
std::string NameOfStoredValue(absl::string_view stored);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_FAULT_LINEARIZABILITY_STORED_VALUE_H_

#ifndef AUTHSTATE_TESTS_SUPPORT_PROCESS_MEMORY_H_
#define AUTHSTATE_TESTS_SUPPORT_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstddef>

namespace authstate::test {

// Bytes of memory that the process has resident now, and the most that it ever had. 0 when there is no such process.
std::size_t ResidentMemory(pid_t pid);
std::size_t PeakMemory(pid_t pid);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_PROCESS_MEMORY_H_

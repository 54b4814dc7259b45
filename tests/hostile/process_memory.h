#ifndef AUTHSTATE_TESTS_HOSTILE_PROCESS_MEMORY_H_
#define AUTHSTATE_TESTS_HOSTILE_PROCESS_MEMORY_H_

#include <sys/types.h>

#include <cstddef>

namespace authstate::test {

// Of a process, from /proc/PID/status: MiB that it has resident now, and the most that it ever had. 0 once it is gone.
std::size_t ResidentMib(pid_t pid);
std::size_t PeakMib(pid_t pid);

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_HOSTILE_PROCESS_MEMORY_H_

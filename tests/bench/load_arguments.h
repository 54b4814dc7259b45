#ifndef AUTHSTATE_TESTS_BENCH_LOAD_ARGUMENTS_H_
#define AUTHSTATE_TESTS_BENCH_LOAD_ARGUMENTS_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"

namespace authstate::bench {

// What a program that makes load is told: ADDRESS IN_FLIGHT WARM_UP_MS MEASURE_MS, and by some also LOCKED.
struct LoadArguments {
  std::string address;
  std::size_t in_flight = 0;
  absl::Duration warm_up;
  absl::Duration measure;
  // So many sessions are written to beside the load, of which somebody has locked the rows.
  std::size_t locked = 0;
};

// None when they are not as they should be.
inline std::optional<LoadArguments> ParseLoadArguments(int argc, char** argv) {
  constexpr int kArguments = 5;
  std::uint32_t locked = 0;
  std::uint32_t in_flight = 0;
  std::uint32_t warm_up = 0;
  std::uint32_t measure = 0;
  if (argc < kArguments || argc > kArguments + 1 ||
      (argc > kArguments && !absl::SimpleAtoi(argv[kArguments], &locked)) || !absl::SimpleAtoi(argv[2], &in_flight) ||
      in_flight == 0 || !absl::SimpleAtoi(argv[3], &warm_up) || !absl::SimpleAtoi(argv[4], &measure) || measure == 0) {
    return std::nullopt;
  }
  return LoadArguments{argv[1], in_flight, absl::Milliseconds(warm_up), absl::Milliseconds(measure), locked};
}

// The `main` of such a program: runs `measure` and prints the figures that it returns, a rate first, on one line.
template <typename Measure>
int LoadMain(int argc, char** argv, Measure measure) {
  constexpr int kUsageError = 2;
  const std::optional<LoadArguments> arguments = ParseLoadArguments(argc, argv);
  if (!arguments.has_value()) {
    std::fprintf(stderr, "usage: %s ADDRESS IN_FLIGHT WARM_UP_MS MEASURE_MS [LOCKED]\n", argv[0]);
    return kUsageError;
  }
  const absl::StatusOr<std::vector<double>> figures = measure(*arguments);
  if (!figures.ok()) {
    std::fprintf(stderr, "%s: %s\n", argv[0], figures.status().ToString().c_str());
    return 1;
  }
  for (const double figure : *figures) std::printf("%.3f ", figure);
  std::printf("\n");
  return 0;
}

}  // namespace authstate::bench

#endif  // AUTHSTATE_TESTS_BENCH_LOAD_ARGUMENTS_H_

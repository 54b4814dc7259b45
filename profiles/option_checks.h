#ifndef AUTHSTATE_PROFILES_OPTION_CHECKS_H_
#define AUTHSTATE_PROFILES_OPTION_CHECKS_H_

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

// What options may be, and what is told of those that are not. The checks and texts of CLI11 quote the word that was
// given, and that may be a password which stands in the wrong place; these name the option and what is expected.
namespace authstate::profiles {

// The most that a store keeps of a fence or a revision.
inline constexpr std::uint64_t kMaxStoredNumber = std::numeric_limits<std::int64_t>::max();

// The most memory that may be asked for: 1 TiB.
inline constexpr std::uint64_t kMaxMemoryBytes = std::uint64_t{1} << 40;

// A whole number in decimal digits, `least` to `most`. A leading zero is refused, as CLI11 takes it for octal.
CLI::Validator NumberBetween(std::uint64_t least, std::uint64_t most);

// One of `choices`.
CLI::Validator OneOf(const std::vector<std::string>& choices);

// What is wrong with what `app` was given, in a line that quotes no value. Of unknown options the name is told, of
// other unknown words only those that are in `commands`; of a line of the configuration file its number, and what
// stands before its `=`.
std::string UsageProblem(const CLI::App& app, const CLI::ParseError& error,
                         const std::vector<std::string>& commands = {});

}  // namespace authstate::profiles

#endif  // AUTHSTATE_PROFILES_OPTION_CHECKS_H_

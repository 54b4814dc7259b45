#ifndef AUTHSTATE_CLIENT_CLI_TERMINAL_TEXT_H_
#define AUTHSTATE_CLIENT_CLI_TERMINAL_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Words and tables for people.
namespace authstate::cli {

// `text` with its control characters as \xNN: a key id is anybody's text and must not steer a terminal.
std::string Printable(absl::string_view text);

// Columns padded to their widest cell, two spaces apart, a line end after every row. All rows have as many cells.
std::string Table(const std::vector<std::vector<std::string>>& rows);

// `1 key`, `2 keys`.
std::string Count(std::uint64_t count, absl::string_view noun);

// UTC, in milliseconds: `2026-11-29T15:38:56.000Z`.
std::string TimeText(absl::Time time);

// `text` with all but the first and last two digits of what may be a phone number, seven digits or more in a row,
// as `*`.
std::string HidePhoneNumbers(std::string text);

// The same status, its payloads too, with `message` in place of its message.
absl::Status WithMessage(const absl::Status& status, absl::string_view message);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_TERMINAL_TEXT_H_

#ifndef AUTHSTATE_CLIENT_CLI_STATUS_STATUS_SCREEN_H_
#define AUTHSTATE_CLIENT_CLI_STATUS_STATUS_SCREEN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/cli/terminal/output.h"

namespace authstate::cli {

struct ScreenSize {
  // 0: as many as there are to fill.
  std::size_t columns = 0;
  std::size_t rows = 0;

  bool operator==(const ScreenSize& other) const { return columns == other.columns && rows == other.rows; }
};

// What stands above everything else where the server has not answered since `answered` (a text): the one line.
struct LostServer {
  std::string answered;
  std::string why;
};

// The lines of a screen that shows `status`, in as many columns as fit, cut to its size. `lost`: null where it is of
// now. What needs a look has a `!`, and colours besides where `colours` are wanted. Pure.
std::vector<std::string> StatusLines(const Json& status, const LostServer* lost, ScreenSize size, bool colours);

// The other screen of the terminal that is standard output, without a cursor, until it is destroyed.
class StatusScreen {
 public:
  StatusScreen();
  ~StatusScreen();
  StatusScreen(const StatusScreen&) = delete;
  StatusScreen& operator=(const StatusScreen&) = delete;

  // The size that the terminal has at this moment.
  static ScreenSize Size();
  // In the place of what stands there. False where the terminal is gone.
  bool Show(const std::vector<std::string>& lines);
};

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_STATUS_STATUS_SCREEN_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands/commands.h"
#include "client/cli/status/status_screen.h"
#include "client/cli/status/status_text.h"
#include "client/cli/status_source.h"
#include "client/cli/terminal/text.h"

namespace authstate::cli {
namespace {

// As fast as the server takes notes; a person reads no faster.
constexpr absl::Duration kDefaultInterval = absl::Seconds(5);
constexpr absl::Duration kLongestInterval = absl::Hours(1);
// How long to wait for the server, which answers this without asking its database.
constexpr absl::Duration kPatience = absl::Seconds(4);
// How soon a terminal that has another size is drawn anew.
constexpr absl::Duration kLookAtSize = absl::Milliseconds(200);

struct TopOptions {
  std::string url = kDefaultStatusUrl;
  absl::Duration interval = kDefaultInterval;
  bool once = false;
};

// Asks one server again and again.
class Source {
 public:
  Source(client::HttpServer server, const GlobalOptions& options, SignalWatcher& signals)
      : server_(std::move(server)),
        token_(ClientOptionsOf(options).token),
        patience_(std::min(kPatience, options.timeout)) {
    cancelled_ = eventfd(0, EFD_CLOEXEC);
    signals.Start([this] { eventfd_write(cancelled_, 1); });
  }
  // The watcher has ended.
  ~Source() { close(cancelled_); }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  absl::StatusOr<Json> Read() { return ReadStatus(server_, token_.get(), absl::Now() + patience_, cancelled_); }

 private:
  const client::HttpServer server_;
  const std::shared_ptr<client::TokenSource> token_;
  const absl::Duration patience_;
  int cancelled_ = -1;
};

absl::Status PrintAgainAndAgain(CommandContext& context, const TopOptions& options, const SignalWatcher& signals,
                                Source& source) {
  while (true) {
    const absl::StatusOr<Json> status = source.Read();
    if (!status.ok()) return status.status();
    Output& output = context.output();
    absl::Status written = output.json() ? output.WriteJson(*status)
                                         : output.WriteLines(StatusLines(*status, nullptr, {}, /*colours=*/false));
    if (written.ok()) written = output.Flush();
    if (!written.ok() || options.once || !output.json()) return written;
    const absl::Status interrupted = signals.Sleep(options.interval);
    if (!interrupted.ok()) return interrupted;
  }
}

// A person ends it by a signal, which is no failure.
absl::Status ShowOnTerminal(const TopOptions& options, const SignalWatcher& signals, Source& source) {
  absl::StatusOr<Json> status = source.Read();
  if (!status.ok()) return status.status();
  Json shown = *std::move(status);
  std::optional<LostServer> lost;
  StatusScreen screen;
  while (true) {
    ScreenSize size = StatusScreen::Size();
    const auto draw = [&] {
      return screen.Show(StatusLines(shown, lost.has_value() ? &*lost : nullptr, size, /*colours=*/true));
    };
    if (!draw()) return absl::OkStatus();
    const absl::Time next = absl::Now() + options.interval;
    while (absl::Now() < next) {
      if (!signals.Sleep(std::min(kLookAtSize, next - absl::Now())).ok()) return absl::OkStatus();
      const ScreenSize now = StatusScreen::Size();
      if (now == size) continue;
      size = now;
      if (!draw()) return absl::OkStatus();
    }
    status = source.Read();
    if (!signals.Check().ok()) return absl::OkStatus();
    if (status.ok()) {
      shown = *std::move(status);
      lost.reset();
    } else {
      lost = LostServer{TextOf(shown, "now"), Printable(status.status().message())};
    }
  }
}

absl::Status Top(CommandContext& context, const TopOptions& options) {
  const GlobalOptions& global = context.options();
  const bool has_token = !global.token.empty() || !global.token_file.empty();
  absl::StatusOr<client::HttpServer> server = StatusServer(options.url, global.tls, has_token, global.insecure_token);
  if (!server.ok()) return server.status();
  // Ends before what its signals reach.
  std::unique_ptr<Source> source;
  SignalWatcher signals;
  source = std::make_unique<Source>(*std::move(server), global, signals);
  const bool on_terminal = !options.once && !global.json && isatty(STDOUT_FILENO) == 1;
  return on_terminal ? ShowOnTerminal(options, signals, *source)
                     : PrintAgainAndAgain(context, options, signals, *source);
}

}  // namespace

Command TopCommand(Action* action) {
  const auto options = std::make_shared<TopOptions>();
  Option url = profiles::Custom(
      "--url", "The server's port of HTTP: http://host:port, https://host:port, or unix:PATH",
      [options](const std::string& text) {
        options->url = text;
        return std::string(CheckStatusUrl(text).message());
      },
      [options] { return options->url; });
  url.variable = "AUTHSTATE_HTTP_URL";
  return Leaf("top", "Show how the server is, again and again, until Ctrl-C", options,
              {std::move(url),
               profiles::Duration("--interval", &options->interval, absl::Milliseconds(100), kLongestInterval,
                                  "How often to ask"),
               Flag("--once", &options->once, "Show it once, as where the output is no terminal")},
              Top, action);
}

}  // namespace authstate::cli

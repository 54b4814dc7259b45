#include "client/cpp/token.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"

namespace authstate::client {
namespace {

// More than any token has: what is longer is another file.
constexpr std::size_t kMaxTokenBytes = 1'024;

// Whether it can be sent as it is; what it says is the server's to judge.
bool CouldBeAToken(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenBytes && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

class FixedToken final : public TokenSource {
 public:
  explicit FixedToken(std::string token) : token_(std::move(token)) {}

  absl::StatusOr<std::string> Token() override {
    if (!CouldBeAToken(token_)) return absl::InvalidArgumentError("the token has characters that no token has");
    return token_;
  }

 private:
  const std::string token_;
};

class TokenFile final : public TokenSource {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  absl::StatusOr<std::string> Token() override {
    const absl::MutexLock lock(&mutex_);
    const std::optional<Version> version = VersionNow();
    if (!version.has_value() || version != read_) {
      absl::StatusOr<std::string> token = Read();
      if (token.ok()) token_ = *std::move(token);
      if (!token.ok() && token_.empty()) return token.status();
      read_ = version;
    }
    return token_;
  }

 private:
  // Differs once the file is written or another has its place.
  using Version = std::tuple<ino_t, off_t, time_t, long>;

  std::optional<Version> VersionNow() const {
    struct stat file {};
    if (stat(path_.c_str(), &file) != 0) return std::nullopt;
    return Version{file.st_ino, file.st_size, file.st_mtim.tv_sec, file.st_mtim.tv_nsec};
  }

  absl::StatusOr<std::string> Read() const {
    std::ifstream file(path_);
    std::string line;
    if (!file || !std::getline(file, line)) {
      const char* const why = file.eof() ? "it is empty" : std::strerror(errno);
      return absl::InvalidArgumentError(absl::StrCat("the token file ", path_, " cannot be read: ", why));
    }
    const absl::string_view token = absl::StripAsciiWhitespace(line);
    if (!CouldBeAToken(token)) {
      return absl::InvalidArgumentError(absl::StrCat("the token file ", path_, " has no token in its first line"));
    }
    return std::string(token);
  }

  const std::string path_;
  absl::Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
  std::optional<Version> read_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<TokenSource> NewFixedToken(std::string token) { return std::make_shared<FixedToken>(std::move(token)); }

std::shared_ptr<TokenSource> NewTokenFile(std::string path) { return std::make_shared<TokenFile>(std::move(path)); }

bool StaysOnThisMachine(absl::string_view address) {
  if (absl::StartsWith(address, "unix:")) return true;
  absl::string_view host = address.substr(0, address.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) (void)absl::ConsumeSuffix(&host, "]");
  const bool four_numbers = host.find_first_not_of("0123456789.") == absl::string_view::npos &&
                            std::count(host.begin(), host.end(), '.') == 3;
  return absl::EqualsIgnoreCase(host, "localhost") || host == "::1" || (four_numbers && absl::StartsWith(host, "127."));
}

}  // namespace authstate::client

#include "tests/support/test_certificates.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "tests/support/subprocess.h"
#include "tests/support/support_script.h"

namespace authstate::test {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);

}  // namespace

absl::StatusOr<std::unique_ptr<TestCertificates>> TestCertificates::Create() {
  std::unique_ptr<TestCertificates> certificates(new TestCertificates());
  const auto process =
      Subprocess::Start({{"/bin/sh", SupportScript("make_certificates.sh"), certificates->directory_.File("tls")},
                         /*environment=*/{}});
  if (!process.ok()) return process.status();
  const auto exit = (*process)->Wait(kTimeout);
  if (!exit.ok()) return exit.status();
  if (exit->code != 0) {
    return absl::InternalError(absl::StrCat("make_certificates.sh: ", (*process)->output(Subprocess::Stream::kStderr)));
  }
  return certificates;
}

std::string TestCertificates::File(absl::string_view name) const { return directory_.File(absl::StrCat("tls/", name)); }

std::vector<std::string> TestCertificates::SettingsFor(absl::string_view server) const {
  const std::string directory = directory_.File("tls");
  return {"ssl=on", absl::StrCat("ssl_cert_file=", directory, "/", server, ".pem"),
          absl::StrCat("ssl_key_file=", directory, "/", server, ".key"),
          absl::StrCat("hba_file=", directory, "/hba.conf")};
}

std::string TestCertificates::Verified(absl::string_view url) const {
  return absl::StrCat(absl::StrReplaceAll(url, {{"@127.0.0.1:", "@localhost:"}}),
                      "?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=", ca_file());
}

}  // namespace authstate::test

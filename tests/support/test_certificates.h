#ifndef AUTHSTATE_TESTS_SUPPORT_TEST_CERTIFICATES_H_
#define AUTHSTATE_TESTS_SUPPORT_TEST_CERTIFICATES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/temp_dir.h"

namespace authstate::test {

// Certificates made for this test, and what a TestPostgres needs to serve with them
// (tests/support/make_certificates.sh). The files go with it. Thread-safe.
class TestCertificates {
 public:
  static absl::StatusOr<std::unique_ptr<TestCertificates>> Create();

  // The path of what the script makes: `server.pem`, `server.key`.
  std::string File(absl::string_view name) const;
  // The authority of the server's certificate, and one that has nothing to do with it.
  std::string ca_file() const { return File("ca.pem"); }
  std::string other_ca_file() const { return File("other-ca.pem"); }

  // TestPostgres::Options::settings of a server that is named localhost, and of one that is named elsewhere.test. Both
  // take connections with TLS alone.
  std::vector<std::string> ServerSettings() const { return SettingsFor("server"); }
  std::vector<std::string> ElsewhereSettings() const { return SettingsFor("elsewhere"); }

  // The database that `url` (TestPostgres::NewDatabase) names, with sslmode=verify-full and the right authority.
  std::string Verified(absl::string_view url) const;

 private:
  TestCertificates() = default;

  std::vector<std::string> SettingsFor(absl::string_view server) const;

  TempDir directory_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_SUPPORT_TEST_CERTIFICATES_H_

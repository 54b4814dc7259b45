#include "server/connections/certificate_watch.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace authstate::server {
namespace {

class CertificateWatchTest : public testing::Test {
 protected:
  void Put(const std::string& name) {
    for (const char* const kind : {".pem", ".key"}) {
      std::ostringstream text;
      text << std::ifstream(certificates_->File(name + kind)).rdbuf();
      test::ReplaceFile(folder_.File(std::string("tls") + kind), text.str());
    }
  }

  const std::unique_ptr<test::TestCertificates> certificates_ = *test::TestCertificates::Create();
  const test::TempDir folder_;
};

// Nothing of the files changes any more, and yet the port has to get there.
TEST_F(CertificateWatchTest, WhoCannotShowWhatWasTakenIsAskedAgainAndCountedOnce) {
  Put("server");
  auto created = CertificateWatch::Create({folder_.File("tls.pem"), folder_.File("tls.key"), ""}, absl::Now());
  ASSERT_TRUE(created.ok()) << created.status();
  CertificateWatch& watch = **created;
  int asked = 0;
  absl::Status answer = absl::UnavailableError("no thread");
  watch.OnReplaced([&] {
    ++asked;
    return answer;
  });
  Put("renewed");
  watch.Reload(absl::Now());
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(watch.counts().replaced, 1);
  EXPECT_EQ(watch.counts().refused, 1);
  watch.Look(absl::Now());
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(watch.counts().refused, 1);
  answer = absl::OkStatus();
  watch.Look(absl::Now());
  EXPECT_EQ(asked, 3);
  watch.Look(absl::Now());
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(watch.counts().refused, 1);
}

}  // namespace
}  // namespace authstate::server

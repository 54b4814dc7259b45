// Not a test by itself: CMakeLists.txt runs it and expects a failure, told as one.
#include <gtest/gtest.h>

#include <memory>

namespace authstate::test {
namespace {

class FixtureThatFails : public testing::Test {
 protected:
  void Open() { ASSERT_TRUE(opened_ != nullptr) << "the store does not open"; }
  int Use() const { return *opened_; }

 private:
  const std::unique_ptr<int> opened_;
};

TEST_F(FixtureThatFails, EndsWithTheFailureOfItsHelper) {
  Open();
  EXPECT_EQ(Use(), 1) << "a fixture was used that had failed";
}

}  // namespace
}  // namespace authstate::test

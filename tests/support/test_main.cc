// The main function of tests whose fixtures open things: a failed ASSERT ends the whole test, also where it stands in a
// function that the test calls. Without that the test goes on with what was not opened, and crashes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace {

class EndTestAtFatalFailure final : public testing::EmptyTestEventListener {
  void OnTestPartResult(const testing::TestPartResult& result) override {
    if (result.type() == testing::TestPartResult::kFatalFailure) throw testing::AssertionException(result);
  }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  // Takes it over. Last, so that the others have told of the failure.
  testing::UnitTest::GetInstance()->listeners().Append(std::make_unique<EndTestAtFatalFailure>().release());
  return RUN_ALL_TESTS();
}

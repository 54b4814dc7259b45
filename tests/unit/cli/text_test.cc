#include "client/cli/terminal/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/cli/terminal/exit_code.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/progress.h"
#include "client/cpp/error.h"

namespace authstate::cli {
namespace {

TEST(TextTest, ControlCharactersAreMadeVisible) {
  EXPECT_EQ(Printable("a\x1b[2J\n\x7f"), "a\\x1b[2J\\x0a\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");
}

TEST(TextTest, OtherUnicodeStays) { EXPECT_EQ(Printable("é 漢 \xc2\xa0"), "é 漢 \xc2\xa0"); }

TEST(TextTest, ColumnsAreAligned) { EXPECT_EQ(Table({{"A", "B"}, {"long", "1"}}), "A     B\nlong  1\n"); }

TEST(TextTest, PhoneNumbersAreHidden) {
  EXPECT_EQ(HidePhoneNumbers("5511999990002:12@s.whatsapp.net"), "55*********02:12@s.whatsapp.net");
  EXPECT_EQ(HidePhoneNumbers("1234567.0::7654321"), "12***67.0::76***21");
  EXPECT_EQ(HidePhoneNumbers("123456 AAAAAK6J"), "123456 AAAAAK6J");
}

TEST(TextTest, NewMessageKeepsTheFacts) {
  const absl::Status status = client::WithOutcome(absl::AbortedError("a"), client::Outcome::kUnknown);
  const absl::Status renamed = WithMessage(status, "b");
  EXPECT_EQ(renamed.message(), "b");
  EXPECT_EQ(client::OutcomeOf(renamed), client::Outcome::kUnknown);
}

TEST(ProgressTest, BarFillsUp) {
  EXPECT_EQ(ProgressLine("reading", 0, 2), "reading [>                             ] 0/2");
  EXPECT_EQ(ProgressLine("reading", 1, 2), "reading [===============>              ] 1/2");
  EXPECT_EQ(ProgressLine("reading", 2, 2), "reading [==============================] 2/2");
}

TEST(ProgressTest, WithoutATotalThereIsACount) { EXPECT_EQ(ProgressLine("keys", 7, 0), "keys 7"); }

TEST(OutputTest, TextOfAValueIsTakenAsItIs) {
  EXPECT_EQ(WithTextMember({{"a", 1}}, "value", R"({"n":1e400,"s":"\ud800"})"),
            R"({"a":1,"value":{"n":1e400,"s":"\ud800"}})");
  EXPECT_EQ(WithTextMember(Json::object(), "value", "1"), R"({"value":1})");
}

TEST(ExitCodeTest, FollowsTheDocumentedTable) {
  EXPECT_EQ(ToExitCode(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ToExitCode(absl::InternalError("")), ExitCode::kFailure);
  EXPECT_EQ(ToExitCode(absl::NotFoundError("")), ExitCode::kNotFound);
  EXPECT_EQ(ToExitCode(absl::InvalidArgumentError("")), ExitCode::kRefused);
  EXPECT_EQ(ToExitCode(absl::AbortedError("")), ExitCode::kRefused);
  EXPECT_EQ(ToExitCode(absl::UnavailableError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ToExitCode(absl::DeadlineExceededError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ToExitCode(absl::ResourceExhaustedError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ToExitCode(absl::DataLossError("")), ExitCode::kDataLoss);
  EXPECT_EQ(ToExitCode(absl::CancelledError("")), ExitCode::kInterrupted);
}

}  // namespace
}  // namespace authstate::cli

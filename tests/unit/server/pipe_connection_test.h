#ifndef AUTHSTATE_TESTS_UNIT_SERVER_PIPE_CONNECTION_TEST_H_
#define AUTHSTATE_TESTS_UNIT_SERVER_PIPE_CONNECTION_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "server/pipe/connection.h"
#include "tests/support/pipe_operations.h"
#include "tests/unit/server/held_backend.h"

namespace authstate::server::pipe {

using ::authstate::test::pipe::Message;
using ::testing::SizeIs;
namespace send = ::authstate::test::pipe;

// `code/reason` of a failed operation, `ok` of any other.
inline std::string OutcomeOf(const v1::PipeResult& result) {
  if (!result.has_error()) return "ok";
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(result.error().details(0).UnpackTo(&info));
  return absl::StrCat(absl::StatusCodeToString(static_cast<absl::StatusCode>(result.error().code())), "/",
                      info.reason());
}

inline std::string InfoOf(const v1::PipeResult& result, const std::string& key) {
  google::rpc::ErrorInfo info;
  EXPECT_TRUE(result.error().details(0).UnpackTo(&info));
  const auto found = info.metadata().find(key);
  return found == info.metadata().end() ? "" : found->second;
}

// A pipe on a memory backend, without the RPC framework.
class PipeConnectionTest : public testing::Test {
 protected:
  static Connection::Options EverythingPermitted() {
    Connection::Options options;
    options.permit = [](const Operation& /*operation*/, const std::string& /*session_id*/) { return absl::OkStatus(); };
    return options;
  }

  std::shared_ptr<Connection> Open() {
    return Connection::Create(&backend_, budget_, options_, [this] { ++changes_; });
  }

  // A frame of answers, as a reader that keeps up takes it.
  static std::vector<v1::PipeResult> TakeFrame(Connection& connection) {
    v1::PipeResponse frame;
    connection.NextFrame(&frame);
    connection.FrameWritten();
    return {frame.results().begin(), frame.results().end()};
  }

  static std::vector<v1::PipeResult> TakeAll(Connection& connection) {
    std::vector<v1::PipeResult> all;
    while (connection.HasAnswers()) {
      for (v1::PipeResult& result : TakeFrame(connection)) all.push_back(std::move(result));
    }
    return all;
  }

  static void Send(Connection& connection, const std::vector<v1::PipeOperation>& operations) {
    const absl::Status taken = connection.Take(Message(operations));
    EXPECT_TRUE(taken.ok()) << taken;
  }

  // Sends, and answers the outcome of each operation, in the order of the answers.
  static std::vector<std::string> Outcomes(Connection& connection, const std::vector<v1::PipeOperation>& operations) {
    Send(connection, operations);
    std::vector<std::string> outcomes;
    for (const v1::PipeResult& result : TakeAll(connection)) outcomes.push_back(OutcomeOf(result));
    return outcomes;
  }

  static std::vector<std::uint64_t> Tags(const std::vector<v1::PipeResult>& results) {
    std::vector<std::uint64_t> tags;
    tags.reserve(results.size());
    for (const v1::PipeResult& result : results) tags.push_back(result.tag());
    return tags;
  }

  // A connection with `count` sessions attached, to channels from 0.
  std::shared_ptr<Connection> Attached(std::uint32_t count) {
    std::shared_ptr<Connection> connection = Open();
    std::vector<v1::PipeOperation> attaches;
    for (std::uint32_t i = 0; i < count; ++i) attaches.push_back(send::Attach(i, i, absl::StrCat("s", i)));
    Send(*connection, attaches);
    EXPECT_THAT(TakeAll(*connection), SizeIs(count));
    return connection;
  }

  storage::Lease LeaseOf(const std::string& session_id) {
    storage::Lease lease;
    storage::LeaseRequest request;
    request.session_id = session_id;
    backend_.memory().Leases({request}, absl::InfiniteFuture(), [&lease](auto results) { lease = results[0]->lease; });
    return lease;
  }

  HeldBackend backend_;
  std::shared_ptr<Budget> budget_ = std::make_shared<Budget>(Limits().total_bytes);
  Connection::Options options_ = EverythingPermitted();
  int changes_ = 0;
};

}  // namespace authstate::server::pipe

#endif  // AUTHSTATE_TESTS_UNIT_SERVER_PIPE_CONNECTION_TEST_H_

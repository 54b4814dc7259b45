// Callers that do all they can to fill the memory of a real authstated: many channels, frames at the limit, large
// answers that nobody reads. It stays under the bound that docs/pipe.md states, serves others meanwhile, and cuts
// off who does not read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "contract/limits.h"
#include "tests/integration/pipe_caller.h"
#include "tests/support/pipe_operations.h"
#include "tests/support/process_memory.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_server.h"

namespace authstate::test {
namespace {

using ::testing::SizeIs;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::uint32_t kChannels = 10'000;
constexpr std::size_t kSlowReaders = 3;
// docs/pipe.md: 512 MiB, and 192 MiB for each stream at its worst.
constexpr std::size_t kMemoryBound = 512 * kMiB + (kSlowReaders + 1) * 192 * kMiB;

v1::PipeOperation CommitOf(std::uint32_t channel, std::uint64_t number, int large_values) {
  v1::PipeOperation operation = pipe::On(channel, number);
  operation.mutable_commit()->set_number(number);
  for (int i = 0; i < large_values; ++i) {
    v1::KeyEntry* const entry = operation.mutable_commit()->add_sets();
    entry->mutable_key()->set_type("large");
    entry->mutable_key()->set_id(absl::StrCat(i));
    entry->mutable_value()->set_raw(std::string(kMaxValueBytes, 'x'));
  }
  return operation;
}

v1::PipeOperation GetLarge(std::uint32_t channel, std::uint64_t tag, int values) {
  v1::PipeOperation operation = pipe::On(channel, tag);
  v1::KeySelection* const keys = operation.mutable_get()->add_keys();
  keys->set_type("large");
  for (int i = 0; i < values; ++i) keys->add_ids(absl::StrCat(i));
  return operation;
}

// Sends messages at the limit for as long as the server takes them, and reads no answer.
class SlowReader {
 public:
  SlowReader(const std::string& address, const std::string& session_id) : caller_(address) {
    EXPECT_THAT(caller_.Call(pipe::Message({pipe::Attach(1, 1, session_id), CommitOf(1, 1, 4)})), SizeIs(2));
    thread_ = std::thread([this] {
      for (std::uint64_t number = 2; caller_.Send(MessageAtTheLimit(number)); number += 1) ++messages_;
      over_ = true;
    });
  }
  // Once the server has cut it off.
  ~SlowReader() {
    thread_.join();
    // gRPC tells the end of a stream only after all that arrived before it.
    v1::PipeResponse unread;
    while (caller_.Receive(&unread)) ++answers_;
    EXPECT_FALSE(caller_.Finish().ok());
    EXPECT_GT(answers_, 0);
  }
  SlowReader(const SlowReader&) = delete;
  SlowReader& operator=(const SlowReader&) = delete;

  int messages() const { return messages_; }
  bool over() const { return over_; }

 private:
  // Two commits of almost 32 MiB would leave no room for the gets; one and a half do.
  static v1::PipeRequest MessageAtTheLimit(std::uint64_t number) {
    std::vector<v1::PipeOperation> operations = {CommitOf(1, number, 3)};
    operations.push_back(CommitOf(1, number, 3));
    for (std::uint64_t i = 0; i < 1'000; ++i) operations.push_back(GetLarge(1, i, 3));
    return pipe::Message(operations);
  }

  PipeCaller caller_;
  std::atomic<int> messages_ = 0;
  std::atomic<bool> over_ = false;
  int answers_ = 0;
  std::thread thread_;
};

TEST(PipeMemoryTest, StaysUnderItsBoundAndServesOthers) {
  const TempDir directory;
  auto created = TestServer::Create({{"--sqlite-path", directory.File("authstate.db")}, {}});
  ASSERT_TRUE(created.ok()) << created.status();
  TestServer& server = **created;

  PipeCaller many(server.address());
  std::vector<v1::PipeOperation> attaches;
  for (std::uint32_t i = 0; i < kChannels; ++i) attaches.push_back(pipe::Attach(i, i, absl::StrCat("many", i)));
  for (const v1::PipeResult& answer : many.Call(pipe::Message(attaches))) ASSERT_TRUE(answer.has_attached());
  const std::size_t attached = PeakMemory(server.process().pid());

  std::uint64_t number = 0;
  int messages = 0;
  {
    std::vector<std::unique_ptr<SlowReader>> slow;
    for (std::size_t i = 0; i < kSlowReaders; ++i) {
      slow.push_back(std::make_unique<SlowReader>(server.address(), absl::StrCat("slow", i)));
    }
    // Others are served all the time, until the last slow reader is cut off.
    while (!std::all_of(slow.begin(), slow.end(), [](const auto& reader) { return reader->over(); })) {
      ++number;
      const auto answers = many.Call(pipe::Message({pipe::Commit(7, 1, number, "v"), pipe::Get(7, 2)}));
      ASSERT_THAT(answers, SizeIs(2));
      ASSERT_TRUE(answers[0].has_committed()) << answers[0].ShortDebugString();
      ASSERT_TRUE(answers[1].has_got()) << answers[1].ShortDebugString();
    }
    for (const auto& reader : slow) messages += reader->messages();
  }
  EXPECT_GT(number, 0U);
  EXPECT_GT(messages, 0);
  const std::size_t peak = PeakMemory(server.process().pid());
  RecordProperty("attached_mib", absl::StrCat(attached / kMiB));
  RecordProperty("peak_mib", absl::StrCat(peak / kMiB));
  EXPECT_GT(peak, 0U);
  EXPECT_LE(peak / kMiB, kMemoryBound / kMiB);
  // A caller may learn of the end of its stream before that is logged; a server that has ended has logged everything.
  ASSERT_TRUE(server.Terminate().ok());
  const std::string log = server.process().output(Subprocess::Stream::kStderr);
  const std::vector<std::string> parts = absl::StrSplit(log, "too slowly");
  EXPECT_EQ(parts.size() - 1, kSlowReaders) << log;
  std::printf("attached %zu MiB, peak %zu MiB, %d messages, %lu others\n", attached / kMiB, peak / kMiB, messages,
              number);
}

}  // namespace
}  // namespace authstate::test

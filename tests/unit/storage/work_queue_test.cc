#include "storage/batches/work_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace authstate::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool Push(WorkQueue<int>& queue, int member) { return queue.TryPush(member); }

TEST(WorkQueueTest, ABatchHasTheOldestMembersInOrder) {
  WorkQueue<int> queue(10);
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(Push(queue, i));
  EXPECT_THAT(queue.PopBatch(3), ElementsAre(1, 2, 3));
  EXPECT_THAT(queue.PopBatch(3), ElementsAre(4, 5));
}

TEST(WorkQueueTest, AFullQueueLeavesTheMemberToItsOwner) {
  WorkQueue<std::unique_ptr<int>> queue(1);
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  EXPECT_TRUE(queue.TryPush(first));
  EXPECT_FALSE(queue.TryPush(second));
  EXPECT_NE(second, nullptr);
}

TEST(WorkQueueTest, AClosedQueueIsDrainedAndTakesNoMore) {
  WorkQueue<int> queue(10);
  ASSERT_TRUE(Push(queue, 1));
  queue.Close();
  EXPECT_FALSE(Push(queue, 2));
  EXPECT_THAT(queue.PopBatch(10), ElementsAre(1));
  EXPECT_THAT(queue.PopBatch(10), IsEmpty());
}

TEST(WorkQueueTest, AWaitingReaderGetsWhatComes) {
  WorkQueue<int> queue(10);
  std::vector<int> batch;
  std::thread reader([&] { batch = queue.PopBatch(10); });
  ASSERT_TRUE(Push(queue, 7));
  reader.join();
  EXPECT_THAT(batch, ElementsAre(7));
}

TEST(WorkQueueTest, ClosingWakesAWaitingReader) {
  WorkQueue<int> queue(10);
  std::vector<int> batch = {1};
  std::thread reader([&] { batch = queue.PopBatch(10); });
  queue.Close();
  reader.join();
  EXPECT_THAT(batch, IsEmpty());
}

}  // namespace
}  // namespace authstate::storage

#include "server/rpc/response_room.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/error.h"

namespace authstate::server {
namespace {

constexpr std::size_t kHalfOfPeer = ResponseRoom::kMaxBytesOfPeer / 2;

TEST(ResponseRoomTest, AConnectionHasItsShareUntilItReads) {
  ResponseRoom room;
  EXPECT_TRUE(room.Take("a", kHalfOfPeer).ok());
  EXPECT_TRUE(room.Take("a", kHalfOfPeer).ok());
  const absl::Status refused = room.Take("a", 1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_EQ(storage::ReasonOf(refused), "OVERLOADED");
  EXPECT_TRUE(room.Take("b", kHalfOfPeer).ok());
  room.GiveBack("a", kHalfOfPeer);
  EXPECT_TRUE(room.Take("a", kHalfOfPeer).ok());
}

TEST(ResponseRoomTest, AllTogetherAreBounded) {
  constexpr std::size_t kPeers = ResponseRoom::kMaxBytes / ResponseRoom::kMaxBytesOfPeer;
  ResponseRoom room;
  for (std::size_t i = 0; i < kPeers; ++i) {
    EXPECT_TRUE(room.Take(absl::StrCat(i), ResponseRoom::kMaxBytesOfPeer).ok());
  }
  EXPECT_TRUE(absl::IsResourceExhausted(room.Take("one more", 1)));
  room.GiveBack("0", ResponseRoom::kMaxBytesOfPeer);
  EXPECT_TRUE(room.Take("one more", 1).ok());
}

}  // namespace
}  // namespace authstate::server

#include "client/cli/check/value_shape.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace authstate::cli {
namespace {

std::string ShapeOfJson(const std::string& json) { return ShapeOf({ValueKind::kJson, json}).dump(); }

TEST(ValueShapeTest, LeavesAreToldBySizeAndKind) {
  EXPECT_EQ(ShapeOf({ValueKind::kRaw, "12345"}), "Buffer 5");
  EXPECT_EQ(ShapeOfJson(R"({"a":"xyz","b":12,"c":true,"d":null})"),
            R"({"a":"string 3","b":"number","c":true,"d":null})");
  EXPECT_EQ(ShapeOfJson(R"({"type":"Buffer","data":"AAAA"})"), R"("Buffer 3")");
}

TEST(ValueShapeTest, BytesThatStandAsNumbersAreToldApart) {
  EXPECT_EQ(ShapeOfJson(R"({"k":{"0":1,"1":2}})"), R"({"k":"numbers 2"})");
  EXPECT_EQ(ShapeOfJson(R"({"k":[1,2,3]})"), R"({"k":"numbers 3"})");
}

TEST(ValueShapeTest, NamesThatAreDataAreCounted) {
  EXPECT_EQ(ShapeOfJson(R"({"5511987654321@s.whatsapp.net":true,"5511987654322":true,"BQ+a":"x"})"),
            R"({"<names>":3,"shapes":[true,"string 1"]})");
  // As long as a public key in base64.
  EXPECT_EQ(ShapeOfJson("{\"" + std::string(44, 'B') + "\":1}"), R"({"<names>":1,"shapes":["number"]})");
}

TEST(ValueShapeTest, ElementsAreToldByTheShapesThatDiffer) {
  EXPECT_EQ(ShapeOfJson(R"([{"a":1},{"a":2},"x"])"), R"({"<elements>":3,"shapes":[{"a":"number"},"string 1"]})");
  EXPECT_EQ(ShapeOfJson("[]"), R"({"<elements>":0,"shapes":[]})");
}

TEST(ValueShapeTest, DepthIsBounded) {
  std::string deep = "1";
  for (int i = 0; i < 100; ++i) deep = "{\"a\":" + deep + "}";
  EXPECT_NE(ShapeOfJson(deep).find("deeper"), std::string::npos);
}

}  // namespace
}  // namespace authstate::cli

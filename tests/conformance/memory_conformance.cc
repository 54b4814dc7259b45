#include <memory>

#include "storage/memory/memory_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/decorated.h"

namespace authstate::conformance {
namespace {

class MemoryStore final : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override { return Decorated(storage::NewMemoryBackend()); }
  bool durable() const override { return false; }
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() { return std::make_unique<MemoryStore>(); }

}  // namespace authstate::conformance

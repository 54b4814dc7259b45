#include <memory>
#include <string>

#include "storage/memory/memory_backend.h"
#include "tests/conformance/conformance_suite.h"
#include "tests/conformance/decorated.h"

namespace authstate::conformance {
namespace {

class MemoryStore final : public StoreUnderTest {
 public:
  absl::StatusOr<std::unique_ptr<storage::Backend>> Open() override { return Decorated(storage::NewMemoryBackend()); }
  bool durable() const override { return false; }
  bool keeps_grants_in_rows() const override { return false; }
  absl::Status ChangeGrants(const std::string& /*set*/) override { return absl::UnimplementedError("no rows"); }
};

}  // namespace

absl::StatusOr<std::unique_ptr<StoreUnderTest>> NewStoreUnderTest() { return std::make_unique<MemoryStore>(); }

}  // namespace authstate::conformance

#include "storage/failpoints/faults_of_environment.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "storage/failpoints/failpoint_backend.h"
#include "storage/failpoints/failpoints.h"
#include "storage/failpoints/planted_fault_backend.h"

namespace authstate::storage {

std::unique_ptr<Backend> WithFaultsOfEnvironment(std::unique_ptr<Backend> inner) {
  if (const char* const name = std::getenv("AUTHSTATE_PLANT"); name != nullptr) {
    const std::optional<PlantedFault> fault = ParsePlantedFault(name);
    if (!fault.has_value()) {
      std::fprintf(stderr, "AUTHSTATE_PLANT: no such fault\n");
      std::abort();
    }
    inner = NewPlantedFaultBackend(std::move(inner), *fault);
  }
  const char* const directory = std::getenv("AUTHSTATE_FAILPOINT_DIR");
  return directory == nullptr ? std::move(inner) : NewFailpointBackend(std::move(inner), Failpoints(directory));
}

}  // namespace authstate::storage

#include "storage/failpoints/faults_of_environment.h"

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include "storage/failpoints/failpoint_backend.h"
#include "storage/failpoints/failpoints.h"
#include "storage/failpoints/planted_fault_backend.h"
#include "storage/failpoints/planted_near_store.h"

namespace authstate::storage {
namespace {

struct Planted {
  std::optional<PlantedFault> database;
  std::optional<PlantedNearFault> near;
};

Planted PlantedByEnvironment() {
  Planted planted;
  const char* const name = std::getenv("AUTHSTATE_PLANT");
  if (name == nullptr) return planted;
  planted = {ParsePlantedFault(name), ParsePlantedNearFault(name)};
  if (!planted.database.has_value() && !planted.near.has_value()) {
    std::fprintf(stderr, "AUTHSTATE_PLANT: no such fault\n");
    std::abort();
  }
  return planted;
}

}  // namespace

std::unique_ptr<Backend> WithFaultsOfEnvironment(std::unique_ptr<Backend> inner) {
  const Planted planted = PlantedByEnvironment();
  if (planted.database.has_value()) inner = NewPlantedFaultBackend(std::move(inner), *planted.database);
  return WithFailpointsOfEnvironment(std::move(inner));
}

std::unique_ptr<NearStore> WithFaultsOfEnvironment(std::unique_ptr<NearStore> inner) {
  const Planted planted = PlantedByEnvironment();
  return planted.near.has_value() ? NewPlantedNearStore(std::move(inner), *planted.near) : std::move(inner);
}

std::unique_ptr<Backend> WithFailpointsOfEnvironment(std::unique_ptr<Backend> inner) {
  const char* const directory = std::getenv("AUTHSTATE_FAILPOINT_DIR");
  return directory == nullptr ? std::move(inner) : NewFailpointBackend(std::move(inner), Failpoints(directory));
}

}  // namespace authstate::storage

#ifndef AUTHSTATE_STORAGE_FAILPOINTS_FAULTS_OF_ENVIRONMENT_H_
#define AUTHSTATE_STORAGE_FAILPOINTS_FAULTS_OF_ENVIRONMENT_H_

#include <memory>

#include "storage/backend.h"
#include "storage/near/near_store.h"

namespace authstate::storage {

// `inner`, with the faults that the environment asks for: orders to failpoints in the directory AUTHSTATE_FAILPOINT_DIR
// (failpoints.h), and the broken promise AUTHSTATE_PLANT (planted_fault_backend.h, planted_near_store.h), of a database
// and of a near store. Ends the process when there is no such fault.
std::unique_ptr<Backend> WithFaultsOfEnvironment(std::unique_ptr<Backend> inner);
std::unique_ptr<NearStore> WithFaultsOfEnvironment(std::unique_ptr<NearStore> inner);

// Reads the orders alone.
std::unique_ptr<Backend> WithFailpointsOfEnvironment(std::unique_ptr<Backend> inner);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FAILPOINTS_FAULTS_OF_ENVIRONMENT_H_

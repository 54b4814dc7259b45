#ifndef AUTHSTATE_STORAGE_FAILPOINTS_FAULTS_OF_ENVIRONMENT_H_
#define AUTHSTATE_STORAGE_FAILPOINTS_FAULTS_OF_ENVIRONMENT_H_

#include <memory>

#include "storage/backend.h"

namespace authstate::storage {

// `inner`, with the faults that the environment asks for: orders to failpoints in the directory AUTHSTATE_FAILPOINT_DIR
// (failpoints.h), and the broken promise AUTHSTATE_PLANT (planted_fault_backend.h). Ends the process when there is no
// such fault.
std::unique_ptr<Backend> WithFaultsOfEnvironment(std::unique_ptr<Backend> inner);

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_FAILPOINTS_FAULTS_OF_ENVIRONMENT_H_

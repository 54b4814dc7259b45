#ifndef AUTHSTATE_TESTS_CONFORMANCE_DECORATED_H_
#define AUTHSTATE_TESTS_CONFORMANCE_DECORATED_H_

#include <cstddef>
#include <memory>
#include <utility>

#include "storage/decorators/batching_backend.h"
#include "storage/decorators/caching_backend.h"

namespace authstate::conformance {

// Under every decorator that may stand over a store of one process.
inline std::unique_ptr<storage::Backend> Decorated(std::unique_ptr<storage::Backend> store) {
  constexpr std::size_t kCacheBytes = std::size_t{1} << 20;
  return storage::NewCachingBackend(storage::NewBatchingBackend(std::move(store)), kCacheBytes);
}

}  // namespace authstate::conformance

#endif  // AUTHSTATE_TESTS_CONFORMANCE_DECORATED_H_

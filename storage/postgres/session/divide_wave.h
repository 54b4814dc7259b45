#ifndef AUTHSTATE_STORAGE_POSTGRES_SESSION_DIVIDE_WAVE_H_
#define AUTHSTATE_STORAGE_POSTGRES_SESSION_DIVIDE_WAVE_H_

#include <algorithm>
#include <cstddef>
#include <deque>
#include <vector>

namespace authstate::storage {

// A wave is what one statement does for many sessions. Adds its parts, for a statement each: by eights, so that few
// tries find one locked session among many, and also many of them.
inline void DivideWave(const std::vector<std::size_t>& wave, std::deque<std::vector<std::size_t>>* parts) {
  constexpr std::size_t kParts = 8;
  const std::size_t size = (wave.size() + kParts - 1) / kParts;
  for (std::size_t i = 0; i < wave.size(); i += size) {
    parts->emplace_back(wave.begin() + static_cast<std::ptrdiff_t>(i),
                        wave.begin() + static_cast<std::ptrdiff_t>(std::min(i + size, wave.size())));
  }
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SESSION_DIVIDE_WAVE_H_

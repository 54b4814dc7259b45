#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_SQL_TEXT_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_SQL_TEXT_H_

#include <cstddef>

namespace authstate::storage {

// A statement put together by the compiler, of parts that it shares with others; ends with a NUL.
template <std::size_t Size>
struct SqlText {
  char text[Size] = {};
};

// The parts, which are string literals, one after the other.
template <std::size_t... Sizes>
constexpr auto JoinSql(const char (&... parts)[Sizes]) {
  SqlText<(Sizes + ...) - sizeof...(Sizes) + 1> joined;
  std::size_t end = 0;
  const auto append = [&joined, &end](const char* part, std::size_t size) {
    for (std::size_t i = 0; i + 1 < size; ++i) joined.text[end++] = part[i];
  };
  (append(parts, Sizes), ...);
  return joined;
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_SQL_TEXT_H_

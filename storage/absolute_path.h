#ifndef AUTHSTATE_STORAGE_ABSOLUTE_PATH_H_
#define AUTHSTATE_STORAGE_ABSOLUTE_PATH_H_

#include <filesystem>
#include <string>
#include <system_error>

namespace authstate::storage {

// `path` from the root on. Logs and errors name files so: whoever reads them does not know the working directory.
inline std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_ABSOLUTE_PATH_H_

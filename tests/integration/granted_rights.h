#ifndef AUTHSTATE_TESTS_INTEGRATION_GRANTED_RIGHTS_H_
#define AUTHSTATE_TESTS_INTEGRATION_GRANTED_RIGHTS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "storage/backend.h"
#include "storage/grant.h"

namespace authstate::test {

inline constexpr storage::Rights kRead = static_cast<storage::Rights>(storage::Right::kRead);
inline constexpr storage::Rights kWrite = static_cast<storage::Rights>(storage::Right::kWrite);
inline constexpr storage::Rights kSteal = static_cast<storage::Rights>(storage::Right::kSteal);
inline constexpr storage::Rights kAdmin = static_cast<storage::Rights>(storage::Right::kAdmin);

// Gives and takes rights in a store past every server, as another server does. A failure is one of the test.
class GrantedRights {
 public:
  // In an SQLite file that nobody has open while this lives; made, where it is not there.
  static std::unique_ptr<GrantedRights> InSqlite(const std::string& path);
  // In the database that `url` names.
  static std::unique_ptr<GrantedRights> InPostgres(const std::string& url);

  // A token with these rights; `authstatectl token create` gives the like.
  std::string Token(storage::Rights rights, std::vector<storage::SessionScope> scopes);
  // One that has expired.
  std::string ExpiredToken();
  // Gives the rights to the certificate with that name.
  void Certificate(const std::string& name, storage::Rights rights, std::vector<storage::SessionScope> scopes);
  void Revoke(const std::string& token);
  // When the token was used last, as far as the store knows.
  std::optional<absl::Time> LastUseOf(const std::string& token);

 private:
  explicit GrantedRights(std::unique_ptr<storage::Backend> store) : store_(std::move(store)) {}

  storage::GrantResult Do(const storage::GrantRequest& request);

  const std::unique_ptr<storage::Backend> store_;
};

}  // namespace authstate::test

#endif  // AUTHSTATE_TESTS_INTEGRATION_GRANTED_RIGHTS_H_

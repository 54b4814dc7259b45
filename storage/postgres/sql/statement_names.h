#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_STATEMENT_NAMES_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_STATEMENT_NAMES_H_

#include <atomic>

namespace authstate::storage {

// Whether the connections of a backend may prepare statements under a name, which spares the database their parsing and
// planning. A name lives in a server connection: where a pooler hands another one out for every transaction it is not
// found there, or was given to another statement. The first time that happens no connection names statements any more.
//
// Thread-safe.
class StatementNames {
 public:
  explicit StatementNames(bool allowed) : allowed_(allowed) {}

  bool allowed() const { return allowed_.load(std::memory_order_relaxed); }
  // Whether they were allowed, and turned out not to survive.
  bool lost() const { return lost_.load(std::memory_order_relaxed); }

  void Lose() {
    lost_.store(true, std::memory_order_relaxed);
    allowed_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> allowed_;
  std::atomic<bool> lost_ = false;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_STATEMENT_NAMES_H_

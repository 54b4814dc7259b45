#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_DATABASE_CLOCK_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_DATABASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace authstate::storage {

// What the clock of a database shows, as far as it can be known from here: between two bounds, from one reading and our
// own steady clock. Instants are microseconds since the Unix epoch. Not thread-safe.
class DatabaseClock {
 public:
  using Steady = std::chrono::steady_clock;

  // The database read `micros` at some moment between `asked` and `answered`. Kept unless the present reading is
  // closer.
  void Read(Steady::time_point asked, std::int64_t micros, Steady::time_point answered) {
    if (known_ && Width(answered) < answered - asked) return;
    known_ = true;
    micros_ = micros;
    asked_ = asked;
    answered_ = answered;
  }

  void Forget() { known_ = false; }
  bool known() const { return known_; }

  // At `now`, which is not before the reading, it shows no less than this. Only when known.
  std::int64_t Earliest(Steady::time_point now) const { return micros_ + Micros(now - answered_ - Drift(now)); }
  // At `now` it shows no more than this. Only when known.
  std::int64_t Latest(Steady::time_point now) const { return micros_ + Micros(now - asked_ + Drift(now)); }

 private:
  // Far more than two clocks part by, also while one of them is being corrected.
  static constexpr int kDriftShare = 1000;

  static std::int64_t Micros(Steady::duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  }
  Steady::duration Drift(Steady::time_point now) const { return (now - asked_) / kDriftShare; }
  Steady::duration Width(Steady::time_point now) const { return answered_ - asked_ + 2 * Drift(now); }

  bool known_ = false;
  std::int64_t micros_ = 0;
  Steady::time_point asked_;
  Steady::time_point answered_;
};

}  // namespace authstate::storage

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_DATABASE_CLOCK_H_

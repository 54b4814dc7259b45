// Tells the thread sanitizer what abseil's locks order. Linked into every program of a build with
// AUTHSTATE_SANITIZE=thread, and only there.
//
// The distribution's abseil is not built with the sanitizer, and its mutex is made of atomics and futexes, not of a
// pthread mutex that the sanitizer would see: every access under an absl::Mutex looks like a race. The functions here
// take the place of abseil's own in the order in which the dynamic linker searches, announce what they order, and call
// abseil's. They are the ones that every way of locking and unlocking comes through: Await, LockWhen and CondVar end in
// LockSlowLoop, LockSlowWithDeadline and UnlockSlow, which are private but exported.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

// Abseil runs the condition of one thread on another, which holds the lock although the sanitizer cannot know it.
class ConditionsMayBeRead {
 public:
  ConditionsMayBeRead() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~ConditionsMayBeRead() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
  ConditionsMayBeRead(const ConditionsMayBeRead&) = delete;
  ConditionsMayBeRead& operator=(const ConditionsMayBeRead&) = delete;
};

// Abseil's own function of the name that `replacement` has for the linker; that name differs with abseil's version.
void* AbseilsOwn(void* replacement) {
  Dl_info symbol;
  void* own = nullptr;
  if (dladdr(replacement, &symbol) != 0 && symbol.dli_sname != nullptr) own = dlsym(RTLD_NEXT, symbol.dli_sname);
  if (own == nullptr) {
    std::fputs("abseil_synchronization.cc: this abseil lacks a function that it replaces\n", stderr);
    std::abort();
  }
  return own;
}

// Calls abseil's own kMember on `object`. GCC turns a member function into a plain one that takes the object first
// (-Wno-pmf-conversions).
template <auto kMember, typename Object, typename... Arguments>
auto CallAbseils(Object* object, Arguments... arguments) {
  using Result = decltype((object->*kMember)(arguments...));
  static const auto own =
      reinterpret_cast<Result (*)(Object*, Arguments...)>(AbseilsOwn(reinterpret_cast<void*>(kMember)));
  return own(object, arguments...);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  CallAbseils<&Mutex::Lock>(this);
  __tsan_acquire(this);
}

void Mutex::ReaderLock() {
  CallAbseils<&Mutex::ReaderLock>(this);
  __tsan_acquire(this);
}

bool Mutex::TryLock() {
  const bool locked = CallAbseils<&Mutex::TryLock>(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

bool Mutex::ReaderTryLock() {
  const bool locked = CallAbseils<&Mutex::ReaderTryLock>(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

bool Mutex::LockSlowWithDeadline(MuHow how, const Condition* cond, synchronization_internal::KernelTimeout t,
                                 int flags) {
  bool condition_holds = false;
  {
    const ConditionsMayBeRead ignored;
    condition_holds = CallAbseils<&Mutex::LockSlowWithDeadline>(this, how, cond, t, flags);
  }
  __tsan_acquire(this);
  return condition_holds;
}

void Mutex::LockSlowLoop(SynchWaitParams* waitp, int flags) {
  {
    const ConditionsMayBeRead ignored;
    CallAbseils<&Mutex::LockSlowLoop>(this, waitp, flags);
  }
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  __tsan_release(this);
  const ConditionsMayBeRead ignored;
  CallAbseils<&Mutex::Unlock>(this);
}

void Mutex::ReaderUnlock() {
  __tsan_release(this);
  const ConditionsMayBeRead ignored;
  CallAbseils<&Mutex::ReaderUnlock>(this);
}

void Mutex::UnlockSlow(SynchWaitParams* waitp) {
  __tsan_release(this);
  const ConditionsMayBeRead ignored;
  CallAbseils<&Mutex::UnlockSlow>(this, waitp);
}

void Notification::Notify() {
  __tsan_release(this);
  CallAbseils<&Notification::Notify>(this);
}

void Notification::WaitForNotification() const {
  CallAbseils<&Notification::WaitForNotification>(this);
  __tsan_acquire(const_cast<Notification*>(this));
}

bool Notification::WaitForNotificationWithTimeout(absl::Duration timeout) const {
  const bool notified = CallAbseils<&Notification::WaitForNotificationWithTimeout>(this, timeout);
  if (notified) __tsan_acquire(const_cast<Notification*>(this));
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl

// Which sanitizer the library is built for, and what it has to be told. ThreadSanitizer does not instrument the
// runtime, only the kernels: the runtime is what the hardware would be. CIDER_EMULATOR_TSAN says that they are.
#pragma once

#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define CIDER_EMULATOR_ASAN 1
#else
#define CIDER_EMULATOR_ASAN 0
#endif

#ifdef CIDER_EMULATOR_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
}
#endif

namespace emulator {

// Accesses that no lane makes: within the scope they are neither recorded nor checked. Memory that is allocated there
// has no history.
class UnobservedScope {
public:
#ifdef CIDER_EMULATOR_TSAN
  UnobservedScope() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~UnobservedScope() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  UnobservedScope() {}
#endif
  UnobservedScope(const UnobservedScope &) = delete;
};

// What happened before release(x) happened before what follows acquire(x).
inline void release_to([[maybe_unused]] void *x) {
#ifdef CIDER_EMULATOR_TSAN
  __tsan_release(x);
#endif
}
inline void acquire_from([[maybe_unused]] void *x) {
#ifdef CIDER_EMULATOR_TSAN
  __tsan_acquire(x);
#endif
}

} // namespace emulator

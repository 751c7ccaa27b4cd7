// A pool of persistent threads that share numbered tasks.
#pragma once

#include <stdint.h>

namespace cider {

class ThreadPool {
public:
  // A pool of `threads` ≥ 1, the caller's among them; null when the system has no memory or threads left.
  static ThreadPool *create(uint32_t threads);
  static void destroy(ThreadPool *pool);

  uint32_t threads() const;

  // Calls body(context, task, thread) once for each task in 0 … tasks - 1, in any order and on any thread, and returns
  // when all are done. `thread` < threads() names the executing thread; it is 0 for the caller, who takes part.
  // Everything that the tasks wrote is visible to the caller afterwards. One run at a time, and none from inside a
  // task.
  void run(uint32_t tasks, void (*body)(void *context, uint32_t task, uint32_t thread), void *context);

private:
  struct Shared;
  ThreadPool() = default;
  ~ThreadPool() = default;
  Shared *shared_ = nullptr;
};

// pool.run for a callable (uint32_t task, uint32_t thread). `static`, so that each translation unit, with its own
// instruction set, keeps its own copy.
template <typename Body>
static inline void parallel(ThreadPool &pool, uint32_t tasks, Body &&body) {
  pool.run(
      tasks,
      [](void *context, uint32_t task, uint32_t thread) { (*static_cast<decltype(&body)>(context))(task, thread); },
      &body);
}

} // namespace cider

// Functions that can stop in the middle and go on later, each on a stack of its own.
#pragma once

#include <stddef.h>

namespace emulator {

// Memory for stacks, reserved once and filled by the system when touched. The lowest page of each traps, but not under
// ThreadSanitizer, where all are mapped anew for each threadgroup.
class StackPool {
public:
  static constexpr size_t STACK_BYTES = 512 * 1024;

  StackPool() = default;
  StackPool(const StackPool &) = delete;
  ~StackPool();
  void reserve(size_t stacks);
  // The lowest usable address.
  char *stack(size_t index) const;
  size_t stack_bytes() const;
  // Forgets, for ThreadSanitizer, who used the first stacks before.
  void renew(size_t stacks);

private:
  char *memory_ = nullptr;
  size_t stacks_ = 0;
};

// What a switch to a fiber comes back to: the thread's own stack.
class FiberHost {
public:
  FiberHost();

private:
  friend class Fiber;
  void *stack_pointer_ = nullptr;
  // As AddressSanitizer sees it.
  [[maybe_unused]] const void *stack_ = nullptr;
  [[maybe_unused]] size_t stack_bytes_ = 0;
  [[maybe_unused]] void *fake_stack_ = nullptr;
  [[maybe_unused]] void *thread_ = nullptr; // as ThreadSanitizer does
};

class Fiber {
public:
  // `entry` begins with entered() and ends with leave(). `thread` is what ThreadSanitizer takes the fiber for.
  void start(char *stack, size_t bytes, void (*entry)(), void *thread);
  // From the host: runs the fiber until it yields or leaves.
  void resume(FiberHost &host);
  // From the fiber, first thing.
  void entered(FiberHost &host);
  // From the fiber: back to the host.
  void yield(FiberHost &host);
  // From the fiber, for good.
  [[noreturn]] void leave(FiberHost &host);

private:
  char *stack_;
  size_t stack_bytes_;
  void *stack_pointer_;
  [[maybe_unused]] void *fake_stack_;
  [[maybe_unused]] void *thread_;
};

} // namespace emulator

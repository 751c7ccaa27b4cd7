#include "fiber.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "sanitizers.h"

extern "C" void emulator_switch_stack(void **saved, void *next);

namespace emulator {
namespace {

constexpr size_t PAGE = 4096;
// Registers that emulator_switch_stack takes from a stack before it returns.
constexpr size_t SAVED_REGISTERS = 6;

void *map(void *address, size_t bytes, int flags) {
  void *memory =
      mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  if (memory == MAP_FAILED) {
    perror("metal emulator: no memory for the stacks of lanes");
    abort();
  }
  return memory;
}

} // namespace

StackPool::~StackPool() {
  if (memory_) munmap(memory_, stacks_ * STACK_BYTES);
}

void StackPool::reserve(size_t stacks) {
  if (stacks <= stacks_) return;
  if (memory_) munmap(memory_, stacks_ * STACK_BYTES);
  memory_ = static_cast<char *>(map(nullptr, stacks * STACK_BYTES, 0));
  stacks_ = stacks;
#ifndef CIDER_EMULATOR_TSAN
  for (size_t i = 0; i < stacks; i++) mprotect(memory_ + i * STACK_BYTES, PAGE, PROT_NONE);
#endif
}

char *StackPool::stack(size_t index) const { return memory_ + index * STACK_BYTES + PAGE; }
size_t StackPool::stack_bytes() const { return STACK_BYTES - PAGE; }

void StackPool::renew([[maybe_unused]] size_t stacks) {
#ifdef CIDER_EMULATOR_TSAN
  const UnobservedScope unobserved;
  map(memory_, stacks * STACK_BYTES, MAP_FIXED);
#endif
}

FiberHost::FiberHost() {
#ifdef CIDER_EMULATOR_TSAN
  thread_ = __tsan_get_current_fiber();
#endif
}

void Fiber::start(char *stack, size_t bytes, void (*entry)(), void *thread) {
  stack_ = stack;
  stack_bytes_ = bytes;
  fake_stack_ = nullptr;
  thread_ = thread;
#if CIDER_EMULATOR_ASAN
  __asan_unpoison_memory_region(stack, bytes);
#endif
  // As after a call of `entry` from nowhere: a null return address ends every walk of the stack.
  void **top = reinterpret_cast<void **>(stack + bytes - 16);
  *--top = nullptr;
  *--top = reinterpret_cast<void *>(entry);
  for (size_t i = 0; i < SAVED_REGISTERS; i++) *--top = nullptr;
  stack_pointer_ = top;
}

void Fiber::resume(FiberHost &host) {
#if CIDER_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&host.fake_stack_, stack_, stack_bytes_);
#endif
#ifdef CIDER_EMULATOR_TSAN
  __tsan_switch_to_fiber(thread_, __tsan_switch_to_fiber_no_sync);
#endif
  emulator_switch_stack(&host.stack_pointer_, stack_pointer_);
#if CIDER_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(host.fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::entered([[maybe_unused]] FiberHost &host) {
#if CIDER_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &host.stack_, &host.stack_bytes_);
#endif
}

void Fiber::yield(FiberHost &host) {
#if CIDER_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&fake_stack_, host.stack_, host.stack_bytes_);
#endif
#ifdef CIDER_EMULATOR_TSAN
  __tsan_switch_to_fiber(host.thread_, __tsan_switch_to_fiber_no_sync);
#endif
  emulator_switch_stack(&stack_pointer_, host.stack_pointer_);
#if CIDER_EMULATOR_ASAN
  __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
#endif
}

void Fiber::leave(FiberHost &host) {
#if CIDER_EMULATOR_ASAN
  __sanitizer_start_switch_fiber(nullptr, host.stack_, host.stack_bytes_);
#endif
#ifdef CIDER_EMULATOR_TSAN
  __tsan_switch_to_fiber(host.thread_, __tsan_switch_to_fiber_no_sync);
#endif
  emulator_switch_stack(&stack_pointer_, host.stack_pointer_);
  abort();
}

} // namespace emulator

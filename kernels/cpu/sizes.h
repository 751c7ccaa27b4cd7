// Arithmetic of sizes.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

// What cache lines and the widest vectors are aligned to.
constexpr size_t ALIGNMENT = 64;

static inline size_t align_up(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

static inline void *align_up(void *memory) {
  return static_cast<char *>(memory) + (ALIGNMENT - reinterpret_cast<uintptr_t>(memory) % ALIGNMENT) % ALIGNMENT;
}

template <class Integer>
static inline Integer divide_up(Integer a, Integer b) {
  return a / b + (a % b != 0);
}

template <class Integer>
static inline Integer least(Integer a, Integer b) {
  return a < b ? a : b;
}

template <class Integer>
static inline Integer most(Integer a, Integer b) {
  return a > b ? a : b;
}

} // namespace cider

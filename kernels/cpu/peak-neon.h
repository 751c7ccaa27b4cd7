// What the Arm instruction sets have in common. Static, as every file is compiled for its own.
#pragma once

#include "peak-kernels.h"

#include <arm_neon.h>

namespace cider {

static inline uint64_t multiply_f32_neon(uint64_t rounds) {
  float32x4_t sums[peak_chains] = {};
  const float32x4_t a = vdupq_n_f32(1), b = vdupq_n_f32(0);
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &sum : sums) __asm__ volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(sum) : "w"(a), "w"(b));
  }
  return rounds * peak_chains * 4 * 2;
}

} // namespace cider

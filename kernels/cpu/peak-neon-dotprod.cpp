// Armv8.2 with dot products: SDOT.
#include "peak-neon.h"

namespace cider {
namespace {

constexpr uint64_t int8_operations = 4 * 4 * 2;

uint64_t multiply_int8(uint64_t rounds) {
  int32x4_t sums[peak_chains] = {};
  const int8x16_t a = vdupq_n_s8(1), b = vdupq_n_s8(2);
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &sum : sums) __asm__ volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(sum) : "w"(a), "w"(b));
  }
  return rounds * peak_chains * int8_operations;
}

} // namespace

const PeakKernels peak_kernels_neon_dotprod = {
    .isa = "neon-dotprod",
    .int8 = multiply_int8,
    .f32 = multiply_f32_neon,
    .bf16 = nullptr,
    .has_bf16 = [] { return false; },
};

} // namespace cider

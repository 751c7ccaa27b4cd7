// AVX2: VPMADDUBSW makes two products and a sum of them in each lane of 16 bits, which every exact kernel has to widen
// with further instructions: none reaches this figure.
#include "peak-kernels.h"

#include <immintrin.h>

namespace cider {
namespace {

constexpr uint64_t int8_operations = 16 * 2 * 2;
constexpr uint64_t f32_operations = 8 * 2;

uint64_t multiply_int8(uint64_t rounds) {
  __m256i products[peak_chains];
  const __m256i a = _mm256_set1_epi8(1), b = _mm256_set1_epi8(2);
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &product : products) __asm__ volatile("vpmaddubsw %2, %1, %0" : "=x"(product) : "x"(a), "x"(b));
  }
  return rounds * peak_chains * int8_operations;
}

uint64_t multiply_f32(uint64_t rounds) {
  __m256 sums[peak_chains - 2] = {}; // the operands take two of sixteen registers
  const __m256 a = _mm256_set1_ps(1), b = _mm256_set1_ps(0);
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &sum : sums) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
  }
  return rounds * (peak_chains - 2) * f32_operations;
}

} // namespace

const PeakKernels peak_kernels_avx2 = {
    .isa = "avx2",
    .int8 = multiply_int8,
    .f32 = multiply_f32,
    .bf16 = nullptr,
    .has_bf16 = [] { return false; },
};

} // namespace cider

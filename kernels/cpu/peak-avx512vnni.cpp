// AVX-512 VNNI: VPDPBUSD, and VDPBF16PS where the machine has it.
#include "cpu-features.h"
#include "peak-kernels.h"

#include <immintrin.h>

namespace cider {
namespace {

constexpr uint64_t int8_operations = 16 * 4 * 2;
constexpr uint64_t f32_operations = 16 * 2;
constexpr uint64_t bf16_operations = 16 * 2 * 2;

uint64_t multiply_int8(uint64_t rounds) {
  __m512i sums[peak_chains] = {};
  const __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &sum : sums) __asm__ volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
  return rounds * peak_chains * int8_operations;
}

uint64_t multiply_f32(uint64_t rounds) {
  __m512 sums[peak_chains] = {};
  const __m512 a = _mm512_set1_ps(1), b = _mm512_set1_ps(0);
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &sum : sums) __asm__ volatile("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
  return rounds * peak_chains * f32_operations;
}

uint64_t multiply_bf16(uint64_t rounds) {
  __m512 sums[peak_chains] = {};
  const __m512i a = _mm512_set1_epi16(0x3f80), b = _mm512_setzero_si512();
  for (uint64_t round = 0; round < rounds; round++) {
#pragma GCC unroll 16
    for (auto &sum : sums) __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
  return rounds * peak_chains * bf16_operations;
}

} // namespace

const PeakKernels peak_kernels_avx512vnni = {
    .isa = "avx512vnni",
    .int8 = multiply_int8,
    .f32 = multiply_f32,
    .bf16 = multiply_bf16,
    .has_bf16 = [] { return detect_cpu_features().avx512_bf16; },
};

} // namespace cider

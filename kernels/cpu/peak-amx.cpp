// AMX: TDPBSSD and TDPBF16PS; what is left to vectors is AVX-512's.
#include "cpu-features.h"
#include "peak-kernels.h"
#include "tiles-amx.h"

#include <immintrin.h>

namespace cider {
namespace {

constexpr uint64_t int8_operations = 16 * 16 * 64 * 2;
constexpr uint64_t bf16_operations = 16 * 16 * 32 * 2;
constexpr uint64_t f32_operations = 16 * 2;
constexpr uint64_t tile_sums = 4; // that are computed side by side, of eight registers

uint64_t multiply_int8(uint64_t rounds) {
  const TileRegisters tiles;
  for (uint64_t round = 0; round < rounds; round++) {
    _tile_dpbssd(0, 4, 5);
    _tile_dpbssd(1, 4, 5);
    _tile_dpbssd(2, 4, 5);
    _tile_dpbssd(3, 4, 5);
  }
  return rounds * tile_sums * int8_operations;
}

[[gnu::target("amx-bf16")]] uint64_t multiply_bf16(uint64_t rounds) {
  const TileRegisters tiles;
  for (uint64_t round = 0; round < rounds; round++) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  return rounds * tile_sums * bf16_operations;
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

} // namespace

const PeakKernels peak_kernels_amx = {
    .isa = "amx",
    .int8 = multiply_int8,
    .f32 = multiply_f32,
    .bf16 = multiply_bf16,
    .has_bf16 = [] { return detect_cpu_features().amx_bf16; },
};

} // namespace cider

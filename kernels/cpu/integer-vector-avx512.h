// One row of floats times integer weights with AVX-512: multiply_vector of the instruction sets that have it.
//
// Internal linkage, as every file is compiled for its own instruction set.
#pragma once

#include <immintrin.h>

#include "integer-kernels.h"

namespace cider {
namespace {

constexpr int VECTOR_COLUMNS = 32;
constexpr int VECTOR_BLOCK = 4;

// The code of `Bits` bits that is stored from bit `at` on of every int32, as a float: code + Offset if there is an
// offset, else in two's complement, which inverting the highest bit turns into code + half the range. With these bits
// as the lowest of a mantissa whose last place is 1, the float is a power of two plus the code; the subtraction is
// exact.
template <int Bits, int Offset, int at>
[[gnu::always_inline]] inline __m512 widen(__m512i packed) {
  static_assert(at + Bits < 23);
  constexpr int half = 1 << (Bits - 1);
  constexpr int exponent = 23 - at;
  constexpr int magic = (127 + exponent) << 23 | (Offset == 0 ? half << at : 0);
  const __m512i mask = _mm512_set1_epi32(((1 << Bits) - 1) << at);
  // (packed & mask) ^ magic
  const __m512i bits = _mm512_ternarylogic_epi32(packed, mask, _mm512_set1_epi32(magic), 0x6a);
  return _mm512_sub_ps(_mm512_castsi512_ps(bits), _mm512_set1_ps(static_cast<float>((1 << exponent) + half)));
}

template <int Bits, int Offset, int at>
[[gnu::always_inline]] inline void widen_multiply_add(__m512 (&sums)[2], const __m512i (&packed)[2], float x) {
  for (int v = 0; v < 2; v++) {
    sums[v] = _mm512_fmadd_ps(widen<Bits, Offset, at>(packed[v]), _mm512_set1_ps(x), sums[v]);
  }
}

// For panels of VECTOR_COLUMNS outputs and blocks of VECTOR_BLOCK codes, with Offset 0 or half the range of a code.
template <int Bits, int Offset>
void multiply_vector(const float *x, const WeightPanel &panel, const KAxis &axis, float *out) {
  constexpr int step = VECTOR_BLOCK * 8 / Bits;
  const uint8_t *codes = panel.codes;
  const float *scales = panel.scales;
  uintptr_t prefetch = panel.prefetch;
  __m512 results[2] = {};
  for (uint32_t group = 0; group < axis.groups; group++) {
    __m512 sums[4][2] = {};
    for (const float *end = x + padded_group_size(axis, group); x < end; x += step) {
      const __m512i packed[2] = {_mm512_load_si512(codes), _mm512_load_si512(codes + 64)};
      const __m512i upper[2] = {_mm512_srli_epi32(packed[0], 16), _mm512_srli_epi32(packed[1], 16)};
      _mm_prefetch(reinterpret_cast<const char *>(prefetch), _MM_HINT_T0);
      _mm_prefetch(reinterpret_cast<const char *>(prefetch + 64), _MM_HINT_T0);
      prefetch += panel.prefetch_step;
      widen_multiply_add<Bits, Offset, 0>(sums[0], packed, x[0]);
      widen_multiply_add<Bits, Offset, 8>(sums[1], packed, x[1]);
      widen_multiply_add<Bits, Offset, 0>(sums[2], upper, x[2]);
      widen_multiply_add<Bits, Offset, 8>(sums[3], upper, x[3]);
      if constexpr (Bits == 4) {
        widen_multiply_add<4, Offset, 4>(sums[0], packed, x[4]);
        widen_multiply_add<4, Offset, 12>(sums[1], packed, x[5]);
        widen_multiply_add<4, Offset, 4>(sums[2], upper, x[6]);
        widen_multiply_add<4, Offset, 12>(sums[3], upper, x[7]);
      }
      codes += VECTOR_COLUMNS * VECTOR_BLOCK;
    }
    for (int v = 0; v < 2; v++) {
      const __m512 sum = _mm512_add_ps(_mm512_add_ps(sums[0][v], sums[1][v]), _mm512_add_ps(sums[2][v], sums[3][v]));
      results[v] = _mm512_fmadd_ps(sum, _mm512_load_ps(scales + 16 * v), results[v]);
    }
    scales += VECTOR_COLUMNS;
  }
  for (int v = 0; v < 2; v++) {
    _mm512_storeu_ps(out + 16 * v, _mm512_add_ps(results[v], _mm512_load_ps(panel.bias + 16 * v)));
  }
}

} // namespace
} // namespace cider

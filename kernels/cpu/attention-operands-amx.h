// Operands of the matrix units for attention: two bf16 for each f32, in pairs of elements that are summed over.
//
// Internal linkage, as every file is compiled for its own instruction set.
#pragma once

#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 16;
constexpr uint32_t PANEL = 32;  // of the cache; rows, columns and depth of a product in the tile registers
constexpr uint32_t TILE = 1024; // bytes of a tile register

inline uint32_t panels_of(uint32_t count) { return count / PANEL + (count % PANEL != 0); }

// Of PANEL elements that are summed over, a tile register holds number i and number i + 16 as a pair. Four tiles make a
// step of the right operand: hi of the left and the right half of its columns, then lo. A row of the left operand has
// 64 bytes of hi and 64 of lo for each step.

constexpr size_t STEP_BYTES = 4 * TILE;   // of a right operand
constexpr size_t ROW_STEP_BYTES = 2 * 64; // of a row of a left operand

struct Pairs {
  __m512i high, low;
};

constexpr int32_t HIGH_BITS = static_cast<int32_t>(0xffff0000);

// The upper halves of b and a as pairs.
[[gnu::always_inline]] inline __m512i pair(__m512i a, __m512i b) {
  return _mm512_mask_blend_epi16(0xaaaaaaaa, _mm512_srli_epi32(a, 16), b);
}

// Rounded to bf16, ties away from zero.
[[gnu::always_inline]] inline __m512i rounded(__m512 x) {
  return _mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000));
}

[[gnu::always_inline]] inline __m512 rest(__m512 x, __m512i high) {
  return _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_and_si512(high, _mm512_set1_epi32(HIGH_BITS))));
}

[[gnu::always_inline]] inline Pairs split(__m512 a, __m512 b) {
  const __m512i high_a = rounded(a);
  const __m512i high_b = rounded(b);
  return {pair(high_a, high_b), pair(rounded(rest(a, high_a)), rounded(rest(b, high_b)))};
}

// High parts are cut off, which saves an operation.
[[gnu::always_inline]] inline Pairs split_weights(__m512 a, __m512 b) {
  const __m512i high_a = _mm512_castps_si512(a);
  const __m512i high_b = _mm512_castps_si512(b);
  return {pair(high_a, high_b), pair(rounded(rest(a, high_a)), rounded(rest(b, high_b)))};
}

// Exponents of all ones: of infinities and NaN, and of what rounds to an infinity.
[[gnu::always_inline]] inline __mmask16 not_finite(__m512 x) {
  const __m512i exponent = _mm512_set1_epi32(0x7f800000);
  return _mm512_cmpeq_epi32_mask(_mm512_and_si512(rounded(x), exponent), exponent) |
         _mm512_cmpeq_epi32_mask(_mm512_and_si512(_mm512_castps_si512(x), exponent), exponent);
}

// A panel [depth, PANEL] as right operand, filled up with zeros. False if it is not finite.
inline bool pack_panel(const float *panel, uint32_t depth, char *to) {
  __mmask16 bad = 0;
  for (uint32_t from = 0; from < depth; from += PANEL, to += STEP_BYTES) {
    for (uint32_t i = 0; i < LANES; i++) {
      for (uint32_t half = 0; half < 2; half++) {
        const float *a = panel + size_t{from + i} * PANEL + half * LANES;
        const __m512 first = from + i < depth ? _mm512_loadu_ps(a) : _mm512_setzero_ps();
        const __m512 second = from + i + LANES < depth ? _mm512_loadu_ps(a + LANES * PANEL) : _mm512_setzero_ps();
        bad |= not_finite(first) | not_finite(second);
        const Pairs pairs = split(first, second);
        _mm512_store_si512(to + half * TILE + i * 64, pairs.high);
        _mm512_store_si512(to + (2 + half) * TILE + i * 64, pairs.low);
      }
    }
  }
  return bad == 0;
}

// Other NaNs might lose their bits when they are rounded.
[[gnu::always_inline]] inline __m512 with_plain_nans(__m512 x) {
  return _mm512_mask_mov_ps(x, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), _mm512_set1_ps(NAN));
}

// A query [head_dim], scaled, as a row of the left operand. An infinity, or what rounds to one, becomes a NaN.
inline void pack_query(const float *q, uint32_t head_dim, float scale, char *to) {
  const __m512 factor = _mm512_set1_ps(scale);
  for (uint32_t from = 0; from < head_dim; from += PANEL, to += ROW_STEP_BYTES) {
    const uint32_t count = head_dim - from < PANEL ? head_dim - from : PANEL;
    const uint32_t mask = static_cast<uint32_t>((uint64_t{1} << count) - 1);
    const __m512 a = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), q + from);
    const __m512 b = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> LANES), q + from + LANES);
    const Pairs pairs = split(with_plain_nans(_mm512_mul_ps(a, factor)), with_plain_nans(_mm512_mul_ps(b, factor)));
    _mm512_store_si512(to, pairs.high);
    _mm512_store_si512(to + 64, pairs.low);
  }
}

} // namespace
} // namespace cider

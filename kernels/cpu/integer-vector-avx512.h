// One row of floats times integer weights with AVX-512 VNNI: pack_vector and multiply_vector of the instruction sets
// that have it.
//
// Widening codes to floats would take longer than reading them. Instead the activations become fixed-point numbers of
// three digits to the base 256, each a signed byte, scaled for every segment of 256 of them. Products of codes and
// digits and their sums are then exact integers, added up with the weights of the digits by segment. What is lost
// is up to 2^-24 of the largest activation of its segment from each: about what a float sum that contains this one
// loses.
//
// Internal linkage, as every file is compiled for its own instruction set.
#pragma once

#include <immintrin.h>

#include "integer-kernels.h"

namespace cider {
namespace {

constexpr int VECTOR_COLUMNS = 32;
constexpr int VECTOR_BLOCK = 4;
constexpr int DIGITS = 3;
constexpr uint32_t SEGMENT = 256;

// The largest fixed-point number: any below it in magnitude has digits of -128 … 127.
constexpr int LARGEST_DIGIT = 127;
constexpr double LARGEST = LARGEST_DIGIT << 16;

// What weights are offset by when multiplied, as the instruction takes unsigned ones.
template <int Bits>
constexpr int unsigned_offset = 1 << (Bits - 1);

// Adds the products of four unsigned by four signed bytes to each sum. Spelled in assembly because compilers that see
// the intrinsic reorder the products until sums spill.
[[gnu::always_inline]] inline void multiply_add(__m512i &sum, __m512i weights, __m512i activations) {
  __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(weights), "v"(activations));
}

// What a packed vector has for each segment, before its digits [codes / 4, DIGITS, 4], the highest first.
struct SegmentHeader {
  float scale; // of the first digit
  int32_t starts[DIGITS];
};

// x · scale, rounded, for 16 floats.
[[gnu::always_inline]] inline __m512i to_fixed(__m512 x, __m512d scale) {
  const __m512d low = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
  const __m512d high = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm512_cvtpd_epi32(_mm512_mul_pd(low, scale))),
                            _mm512_cvtpd_epi32(_mm512_mul_pd(high, scale)), 1);
}

// Floats [size], then zeros up to `padded`, at most SEGMENT, into a segment; returns where it ends. If one of them is
// not finite, neither is the scale.
template <int Bits>
int32_t *pack_segment(const float *x, uint32_t size, uint32_t padded, int32_t *to) {
  const auto load = [&](uint32_t from) {
    const uint32_t left = from < size ? size - from : 0;
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>(left < 16 ? (1u << left) - 1 : 0xffff), x + from);
  };
  __m512 largest = _mm512_setzero_ps(), not_finite = _mm512_setzero_ps();
  for (uint32_t from = 0; from < size; from += 16) {
    const __m512 values = load(from);
    largest = _mm512_max_ps(largest, _mm512_abs_ps(values));
    not_finite = _mm512_fmadd_ps(values, _mm512_setzero_ps(), not_finite);
  }
  const double magnitude = static_cast<double>(_mm512_reduce_max_ps(largest));
  SegmentHeader header;
  header.scale = static_cast<float>(magnitude / LARGEST_DIGIT) + _mm512_reduce_add_ps(not_finite);
  int32_t *digits = to + sizeof header / sizeof(int32_t);
  const __m512d scale = _mm512_set1_pd(magnitude > 0 ? LARGEST / magnitude : 0);
  __m512i sums[DIGITS] = {};
  for (uint32_t from = 0; from < padded; from += 16) {
    __m512i rest = to_fixed(load(from), scale);
    alignas(16) int32_t blocks[DIGITS][4];
    for (int digit = DIGITS - 1; digit >= 0; digit--) {
      const __m512i upper =
          digit == 0 ? _mm512_setzero_si512() : _mm512_srai_epi32(_mm512_add_epi32(rest, _mm512_set1_epi32(128)), 8);
      sums[digit] = _mm512_add_epi32(sums[digit], _mm512_sub_epi32(rest, _mm512_slli_epi32(upper, 8)));
      _mm_store_si128(reinterpret_cast<__m128i *>(blocks[digit]), _mm512_cvtepi32_epi8(rest));
      rest = upper;
    }
    const uint32_t count = padded - from < 16 ? (padded - from) / VECTOR_BLOCK : 4;
    for (uint32_t block = 0; block < count; block++) {
      for (int digit = 0; digit < DIGITS; digit++) *digits++ = blocks[digit][block];
    }
  }
  for (int digit = 0; digit < DIGITS; digit++) {
    header.starts[digit] = -unsigned_offset<Bits> * _mm512_reduce_add_epi32(sums[digit]);
  }
  __builtin_memcpy(to, &header, sizeof header);
  return digits;
}

// Three bytes a code and a header a segment are less than packed_vector_bytes allows for.
template <int Bits>
void pack_vector(const float *x, const KAxis &axis, void *vector) {
  int32_t *to = static_cast<int32_t *>(vector);
  for (uint32_t group = 0; group < axis.groups; group++) {
    const uint32_t size = group_size(axis, group);
    const uint32_t padded = padded_group_size(axis, group);
    for (uint32_t from = 0; from < padded; from += SEGMENT) {
      const uint32_t left = from < size ? size - from : 0;
      const uint32_t count = padded - from < SEGMENT ? padded - from : SEGMENT;
      to = pack_segment<Bits>(x + (left > 0 ? from : 0), left < count ? left : count, count, to);
    }
    x += size;
  }
}

using DigitSums = __m512i[DIGITS][2];

[[gnu::always_inline]] inline void multiply_digits(DigitSums &sums, const int32_t *&digits, __m512i weights0,
                                                   __m512i weights1) {
#pragma GCC unroll 3
  for (int digit = 0; digit < DIGITS; digit++) {
    const __m512i activations = _mm512_set1_epi32(digits[digit]);
    multiply_add(sums[digit][0], weights0, activations);
    multiply_add(sums[digit][1], weights1, activations);
  }
  digits += DIGITS;
}

// For panels of VECTOR_COLUMNS outputs and blocks of VECTOR_BLOCK codes, with Offset 0 or half the range of a code.
template <int Bits, int Offset>
void multiply_vector(const void *vector, const WeightPanel &panel, const KAxis &axis, float *out) {
  constexpr uint32_t step = VECTOR_BLOCK * 8 / Bits;
  static_assert(Offset == unsigned_offset<Bits> || (Bits == 8 && Offset == 0));
  const __m512i low = _mm512_set1_epi8(15);
  const __m512i flip = _mm512_set1_epi8(static_cast<char>(unsigned_offset<Bits> - Offset));
  const int32_t *digits = static_cast<const int32_t *>(vector);
  const uint8_t *codes = panel.codes;
  const float *scales = panel.scales;
  uintptr_t prefetch = panel.prefetch;
  __m512 results[2] = {};
  for (uint32_t group = 0; group < axis.groups; group++) {
    __m512 group_sums[2] = {};
    for (uint32_t left = padded_group_size(axis, group); left > 0;) {
      uint32_t k = left < SEGMENT ? left : SEGMENT;
      left -= k;
      SegmentHeader header;
      __builtin_memcpy(&header, digits, sizeof header);
      digits += sizeof header / sizeof(int32_t);
      DigitSums sums;
      for (int digit = 0; digit < DIGITS; digit++) {
        sums[digit][0] = sums[digit][1] = _mm512_set1_epi32(header.starts[digit]);
      }
      do {
        const __m512i packed0 = _mm512_load_si512(codes), packed1 = _mm512_load_si512(codes + 64);
        _mm_prefetch(reinterpret_cast<const char *>(prefetch), _MM_HINT_T1);
        _mm_prefetch(reinterpret_cast<const char *>(prefetch + 64), _MM_HINT_T1);
        prefetch += panel.prefetch_step;
        if constexpr (Bits == 8) {
          multiply_digits(sums, digits, _mm512_xor_si512(packed0, flip), _mm512_xor_si512(packed1, flip));
        } else {
          multiply_digits(sums, digits, _mm512_and_si512(packed0, low), _mm512_and_si512(packed1, low));
          multiply_digits(sums, digits, _mm512_and_si512(_mm512_srli_epi16(packed0, 4), low),
                          _mm512_and_si512(_mm512_srli_epi16(packed1, 4), low));
        }
        codes += VECTOR_COLUMNS * VECTOR_BLOCK;
      } while ((k -= step) != 0);
      const __m512 next = _mm512_set1_ps(1.0f / 256), scale = _mm512_set1_ps(header.scale);
      for (int v = 0; v < 2; v++) {
        __m512 sum = _mm512_cvtepi32_ps(sums[DIGITS - 1][v]);
        for (int digit = DIGITS - 2; digit >= 0; digit--) {
          sum = _mm512_fmadd_ps(sum, next, _mm512_cvtepi32_ps(sums[digit][v]));
        }
        group_sums[v] = _mm512_fmadd_ps(sum, scale, group_sums[v]);
      }
    }
    for (int v = 0; v < 2; v++) {
      results[v] = _mm512_fmadd_ps(group_sums[v], _mm512_load_ps(scales + 16 * v), results[v]);
    }
    scales += VECTOR_COLUMNS;
  }
  for (int v = 0; v < 2; v++) {
    _mm512_storeu_ps(out + 16 * v, _mm512_add_ps(results[v], _mm512_load_ps(panel.bias + 16 * v)));
  }
}

} // namespace
} // namespace cider

// Quantizers for AVX2 with F16C.
#include <immintrin.h>

#include "quantize-lanes.h"

namespace cider {
namespace {

struct Avx2 {
  static constexpr uint32_t width = 8;
  using Floats = __m256;
  using Magnitudes = __m256i;

  static Floats load(const F32 *source) {
    return _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(source)));
  }
  static Floats load(const F16 *source) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(source)));
  }
  static Floats load(const BF16 *source) {
    const __m128i patterns = _mm_loadu_si128(reinterpret_cast<const __m128i *>(source));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(patterns), 16));
  }

  static Floats splat(float value) { return _mm256_set1_ps(value); }
  static Floats multiply(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm256_div_ps(a, b); }

  static Magnitudes none() { return _mm256_setzero_si256(); }
  static Magnitudes larger(Magnitudes magnitudes, Floats values) {
    const __m256i bits = _mm256_and_si256(_mm256_castps_si256(values), _mm256_set1_epi32(0x7fffffff));
    return _mm256_max_epi32(magnitudes, bits);
  }
  static uint32_t largest(Magnitudes magnitudes) {
    __m128i lanes = _mm_max_epi32(_mm256_castsi256_si128(magnitudes), _mm256_extracti128_si256(magnitudes, 1));
    lanes = _mm_max_epi32(lanes, _mm_shuffle_epi32(lanes, 0x4e));
    lanes = _mm_max_epi32(lanes, _mm_shuffle_epi32(lanes, 0xb1));
    return static_cast<uint32_t>(_mm_cvtsi128_si32(lanes));
  }

  static void store_codes(Floats values, CodeRange range, int8_t *codes) {
    __m256i nearest = _mm256_cvtps_epi32(values);
    nearest = _mm256_max_epi32(nearest, _mm256_set1_epi32(range.lowest));
    nearest = _mm256_min_epi32(nearest, _mm256_set1_epi32(range.highest));
    const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(nearest), _mm256_extracti128_si256(nearest, 1));
    _mm_storel_epi64(reinterpret_cast<__m128i *>(codes), _mm_packs_epi16(words, words));
  }
};

} // namespace

const QuantizeKernels *quantize_kernels_avx2() { return &quantize_kernels<Avx2>; }

} // namespace cider

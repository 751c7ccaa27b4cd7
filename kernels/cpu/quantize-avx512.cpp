// Quantizers for AVX-512 (F).
#include <immintrin.h>

#include "quantize-lanes.h"

namespace cider {
namespace {

struct Avx512 {
  static constexpr uint32_t width = 16;
  using Floats = __m512;
  using Magnitudes = __m512i;

  static Floats load(const F32 *source) { return _mm512_loadu_ps(source); }
  static Floats load(const F16 *source) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(source)));
  }
  static Floats load(const BF16 *source) {
    const __m256i patterns = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(source));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(patterns), 16));
  }

  static Floats splat(float value) { return _mm512_set1_ps(value); }
  static Floats multiply(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats divide(Floats a, Floats b) { return _mm512_div_ps(a, b); }

  static Magnitudes none() { return _mm512_setzero_si512(); }
  static Magnitudes larger(Magnitudes magnitudes, Floats values) {
    const __m512i bits = _mm512_and_si512(_mm512_castps_si512(values), _mm512_set1_epi32(0x7fffffff));
    return _mm512_max_epi32(magnitudes, bits);
  }
  static uint32_t largest(Magnitudes magnitudes) { return _mm512_reduce_max_epu32(magnitudes); }

  static void store_codes(Floats values, CodeRange range, int8_t *codes) {
    __m512i nearest = _mm512_cvtps_epi32(values);
    nearest = _mm512_max_epi32(nearest, _mm512_set1_epi32(range.lowest));
    nearest = _mm512_min_epi32(nearest, _mm512_set1_epi32(range.highest));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(codes), _mm512_cvtepi32_epi8(nearest));
  }
};

} // namespace

const QuantizeKernels *quantize_kernels_avx512() { return &quantize_kernels<Avx512>; }

} // namespace cider

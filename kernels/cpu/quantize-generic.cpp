// Quantizers in plain C++, one element at a time.
#include "quantize-lanes.h"

namespace cider {
namespace {

template <class Bits, class Element>
Bits bits_of(const Element *source) {
  static_assert(sizeof(Bits) == sizeof(Element));
  Bits bits;
  memcpy(&bits, source, sizeof bits);
  return bits;
}

struct Scalar {
  static constexpr uint32_t width = 1;
  using Floats = float;
  using Magnitudes = uint32_t;

  static Floats load(const F32 *source) { return float_of_bits(bits_of<uint32_t>(source)); }
  static Floats load(const BF16 *source) { return float_of_bits(uint32_t{bits_of<uint16_t>(source)} << 16); }
  static Floats load(const F16 *source) {
    const uint32_t bits = bits_of<uint16_t>(source);
    const uint32_t sign = (bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31;
    const uint32_t fraction = bits & 0x3ff;
    if (exponent == 31) return float_of_bits(sign | INFINITY_BITS | fraction << 13);
    if (exponent != 0) return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }

  static Floats splat(float value) { return value; }
  static Floats multiply(Floats a, Floats b) { return a * b; }
  static Floats divide(Floats a, Floats b) { return a / b; }

  static Magnitudes none() { return 0; }
  static Magnitudes larger(Magnitudes magnitude, Floats value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= 0x7fffffff;
    return bits > magnitude ? bits : magnitude;
  }
  static uint32_t largest(Magnitudes magnitude) { return magnitude; }

  // Numbers near 1.5 · 2^23 are whole, so that adding it rounds to nearest even.
  static void store_codes(Floats value, CodeRange range, int8_t *code) {
    const float whole = 0x1.8p23f;
    const int32_t nearest = static_cast<int32_t>((value + whole) - whole);
    const int32_t raised = nearest < range.lowest ? range.lowest : nearest;
    *code = static_cast<int8_t>(raised > range.highest ? range.highest : raised);
  }
};

} // namespace

const QuantizeKernels *quantize_kernels_generic() { return &quantize_kernels<Scalar>; }

} // namespace cider

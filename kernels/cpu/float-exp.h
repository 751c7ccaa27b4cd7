// exp over vectors of f32; after float-simd.h.
//
// x = n · ln 2 + r with |r| ≤ ln 2 / 2, exp(x) = 2^n · exp(r). The polynomial for exp(r) is that of Cephes' expf
// (Moshier 1989). The result is at most 2 ulp from the exact value; float-exp.test.cpp checks it. Infinities and NaN
// behave as in exp.
#pragma once

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace cider {
namespace {

// 1.5 · 2^23: added to a small number, it leaves no room for a fraction, and the whole number n in the low bits.
constexpr float WHOLE = 0x1.8p23f;

// p · 2^n of n + WHOLE.
inline Floats times_power_of_two(Floats p, Floats shifted) {
#if defined(__AVX512F__)
  return _mm512_scalef_ps(p, shifted - WHOLE);
#else
  // Two factors, as 2^n itself may lie beyond the normal numbers.
  const Integers n = bits_as<Integers>(bits_as<Words>(shifted) - bits_as<Words>(Floats(WHOLE)));
  const Integers half = n >> 1;
  const Words bias = 127;
  const Floats first = bits_as<Floats>((bits_as<Words>(half) + bias) << 23);
  const Floats second = bits_as<Floats>((bits_as<Words>(n - half) + bias) << 23);
  return p * first * second;
#endif
}

inline Floats exponential(Floats x) {
  // Beyond these bounds the result is infinite or 0.
  x = select(x < Floats(-104.0f), Floats(-104.0f), x);
  x = select(x > Floats(89.0f), Floats(89.0f), x);
  const Floats shifted = multiply_add(x, Floats(0x1.715476p+0f), Floats(WHOLE));
  const Floats n = shifted - WHOLE;
  Floats r = multiply_add(n, Floats(-0x1.62e4p-1f), x);
  r = multiply_add(n, Floats(-0x1.7f7d1cp-20f), r);
  Floats p = 1.9875691500e-4f;
  p = multiply_add(p, r, Floats(1.3981999507e-3f));
  p = multiply_add(p, r, Floats(8.3334519073e-3f));
  p = multiply_add(p, r, Floats(4.1665795894e-2f));
  p = multiply_add(p, r, Floats(1.6666665459e-1f));
  p = multiply_add(p, r, Floats(5.0000001201e-1f));
  p = multiply_add(p, r * r, r) + 1.0f;
  return times_power_of_two(p, shifted);
}

} // namespace
} // namespace cider

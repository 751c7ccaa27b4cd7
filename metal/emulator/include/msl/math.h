// <metal_math>: computed in float and rounded to the argument's type once. A GPU's functions may differ in the last
// places; what needs bits uses only arithmetic, rounding functions, comparisons and fma.
#pragma once

#include "by-element.h"

namespace metal {

#define EMULATOR_MATH_1(name, expression)                                                                              \
  template <emulator::Floating A>                                                                                      \
  EMULATOR_INLINE auto name(A value) {                                                                                 \
    return emulator::by_element(                                                                                       \
        [](auto element) {                                                                                             \
          const float x = float(element);                                                                              \
          return decltype(element)(expression);                                                                        \
        },                                                                                                             \
        value);                                                                                                        \
  }
#define EMULATOR_MATH_2(name, expression)                                                                              \
  template <emulator::Floating A, emulator::Floating B>                                                                \
    requires emulator::Matching<A, B>                                                                                  \
  EMULATOR_INLINE auto name(A first, B second) {                                                                       \
    return emulator::by_element(                                                                                       \
        [](auto a, auto b) {                                                                                           \
          const float x = float(a), y = float(b);                                                                      \
          return decltype(a)(expression);                                                                              \
        },                                                                                                             \
        first, second);                                                                                                \
  }
// What exists as such, in precise:: and in fast::.
#define EMULATOR_TRANSCENDENTAL                                                                                        \
  EMULATOR_MATH_1(acos, __builtin_acosf(x))                                                                            \
  EMULATOR_MATH_1(asin, __builtin_asinf(x))                                                                            \
  EMULATOR_MATH_1(atan, __builtin_atanf(x))                                                                            \
  EMULATOR_MATH_2(atan2, __builtin_atan2f(x, y))                                                                       \
  EMULATOR_MATH_1(cos, __builtin_cosf(x))                                                                              \
  EMULATOR_MATH_1(cosh, __builtin_coshf(x))                                                                            \
  EMULATOR_MATH_1(exp, __builtin_expf(x))                                                                              \
  EMULATOR_MATH_1(exp2, __builtin_exp2f(x))                                                                            \
  EMULATOR_MATH_1(exp10, __builtin_powf(10.0f, x))                                                                     \
  EMULATOR_MATH_1(log, __builtin_logf(x))                                                                              \
  EMULATOR_MATH_1(log2, __builtin_log2f(x))                                                                            \
  EMULATOR_MATH_1(log10, __builtin_log10f(x))                                                                          \
  EMULATOR_MATH_2(pow, __builtin_powf(x, y))                                                                           \
  EMULATOR_MATH_2(powr, __builtin_powf(x, y))                                                                          \
  EMULATOR_MATH_1(rsqrt, 1.0f / __builtin_sqrtf(x))                                                                    \
  EMULATOR_MATH_1(sin, __builtin_sinf(x))                                                                              \
  EMULATOR_MATH_1(sinh, __builtin_sinhf(x))                                                                            \
  EMULATOR_MATH_1(sqrt, __builtin_sqrtf(x))                                                                            \
  EMULATOR_MATH_1(tan, __builtin_tanf(x))                                                                              \
  EMULATOR_MATH_1(tanh, __builtin_tanhf(x))                                                                            \
  EMULATOR_MATH_2(fmod, __builtin_fmodf(x, y))                                                                         \
  EMULATOR_MATH_2(divide, x / y)

EMULATOR_TRANSCENDENTAL
namespace fast {
EMULATOR_TRANSCENDENTAL
}
namespace precise {
EMULATOR_TRANSCENDENTAL
}
#undef EMULATOR_TRANSCENDENTAL

EMULATOR_MATH_1(ceil, __builtin_ceilf(x))
EMULATOR_MATH_1(fabs, __builtin_fabsf(x))
EMULATOR_MATH_1(floor, __builtin_floorf(x))
EMULATOR_MATH_1(fract, x - __builtin_floorf(x))
EMULATOR_MATH_1(rint, __builtin_rintf(x))
EMULATOR_MATH_1(round, __builtin_roundf(x))
EMULATOR_MATH_1(trunc, __builtin_truncf(x))
EMULATOR_MATH_2(copysign, __builtin_copysignf(x, y))
EMULATOR_MATH_2(fdim, x > y ? x - y : 0.0f)
#undef EMULATOR_MATH_1
#undef EMULATOR_MATH_2

// Of halves and bfloats: rounded to float, then to their type.
template <emulator::Floating A, emulator::Floating B, emulator::Floating C>
  requires emulator::Matching<A, B> && emulator::Matching<A, C>
EMULATOR_INLINE auto fma(A first, B second, C third) {
  return emulator::by_element(
      [](auto a, auto b, auto c) { return decltype(a)(__builtin_fmaf(float(a), float(b), float(c))); }, first, second,
      third);
}

template <emulator::Floating A>
EMULATOR_INLINE auto ldexp(A value, int exponent) {
  return emulator::by_element([=](auto x) { return decltype(x)(__builtin_ldexpf(float(x), exponent)); }, value);
}

template <emulator::Floating A>
EMULATOR_INLINE auto ilogb(A value) {
  return emulator::by_element([](auto x) { return int(__builtin_ilogbf(float(x))); }, value);
}

} // namespace metal

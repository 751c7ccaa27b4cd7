// <metal_common>, <metal_relational> and <metal_geometric>: comparisons choose, arithmetic rounds as written.
#pragma once

#include "by-element.h"

namespace metal {

// Of a number and a NaN the number, as fmin and fmax.
#define EMULATOR_CHOOSE(name, condition, Constraint)                                                                   \
  template <emulator::Constraint A, emulator::Constraint B>                                                            \
    requires emulator::Matching<A, B>                                                                                  \
  constexpr EMULATOR_INLINE auto name(A first, B second) {                                                             \
    return emulator::by_element([](auto a, auto b) { return a != a || (condition) ? b : a; }, first, second);          \
  }
EMULATOR_CHOOSE(min, b < a, Numeric)
EMULATOR_CHOOSE(max, b > a, Numeric)
EMULATOR_CHOOSE(fmin, b < a, Floating)
EMULATOR_CHOOSE(fmax, b > a, Floating)
namespace precise {
EMULATOR_CHOOSE(fmin, b < a, Floating)
EMULATOR_CHOOSE(fmax, b > a, Floating)
} // namespace precise
#undef EMULATOR_CHOOSE

template <class A, class B, class C>
constexpr EMULATOR_INLINE auto min3(A a, B b, C c) {
  return min(min(a, b), c);
}
template <class A, class B, class C>
constexpr EMULATOR_INLINE auto max3(A a, B b, C c) {
  return max(max(a, b), c);
}
template <class A, class B, class C>
constexpr EMULATOR_INLINE auto median3(A a, B b, C c) {
  return max(min(a, b), min(max(a, b), c));
}

template <emulator::Numeric A, emulator::Numeric B, emulator::Numeric C>
constexpr EMULATOR_INLINE auto clamp(A value, B low, C high) {
  return min(max(value, low), high);
}
template <emulator::Floating A>
constexpr EMULATOR_INLINE auto saturate(A value) {
  using T = emulator::Element<A>;
  return clamp(value, T(0.0f), T(1.0f));
}
template <emulator::Floating A, emulator::Floating B, emulator::Floating C>
constexpr EMULATOR_INLINE auto mix(A a, B b, C part) {
  return emulator::by_element([](auto x, auto y, auto t) { return decltype(x)(x + (y - x) * t); }, a, b, part);
}
template <emulator::Floating A>
constexpr EMULATOR_INLINE auto sign(A value) {
  return emulator::by_element(
      [](auto x) {
        using T = decltype(x);
        return x > T(0.0f) ? T(1.0f) : x < T(0.0f) ? T(-1.0f) : x == x ? x : T(0.0f);
      },
      value);
}
template <emulator::Floating A, emulator::Floating B>
constexpr EMULATOR_INLINE auto step(A edge, B value) {
  return emulator::by_element([](auto e, auto x) { return x < e ? decltype(x)(0.0f) : decltype(x)(1.0f); }, edge,
                              value);
}

// ---- relational ----

#define EMULATOR_CLASSIFY(name, expression)                                                                            \
  template <emulator::Floating A>                                                                                      \
  constexpr EMULATOR_INLINE auto name(A value) {                                                                       \
    return emulator::by_element(                                                                                       \
        [](auto element) {                                                                                             \
          const uint32_t bits = __builtin_bit_cast(uint32_t, float(element)) & 0x7fffffff;                             \
          return bool(expression);                                                                                     \
        },                                                                                                             \
        value);                                                                                                        \
  }
EMULATOR_CLASSIFY(isnan, bits > 0x7f800000)
EMULATOR_CLASSIFY(isinf, bits == 0x7f800000)
EMULATOR_CLASSIFY(isfinite, bits < 0x7f800000)
#undef EMULATOR_CLASSIFY

template <emulator::Floating A>
constexpr EMULATOR_INLINE auto isnormal(A value) {
  return emulator::by_element(
      [](auto x) {
        const float magnitude = __builtin_fabsf(float(x));
        return magnitude >= float(numeric_limits<decltype(x)>::min()) && magnitude < __builtin_inff();
      },
      value);
}
template <emulator::Floating A>
constexpr EMULATOR_INLINE auto signbit(A value) {
  return emulator::by_element([](auto x) { return (__builtin_bit_cast(uint32_t, float(x)) >> 31) != 0; }, value);
}

template <emulator::Shaped A>
constexpr EMULATOR_INLINE bool any(A values) {
  bool result = false;
  for (int i = 0; i < emulator::size_of<A>; i++) result = result || bool(emulator::element(values, i));
  return result;
}
template <emulator::Shaped A>
constexpr EMULATOR_INLINE bool all(A values) {
  bool result = true;
  for (int i = 0; i < emulator::size_of<A>; i++) result = result && bool(emulator::element(values, i));
  return result;
}

// The second where the condition holds.
template <emulator::Shaped A, emulator::Shaped B, emulator::Shaped C>
  requires emulator::Matching<A, B>
constexpr EMULATOR_INLINE auto select(A first, B second, C condition) {
  return emulator::by_element([](auto a, auto b, auto c) { return c ? b : a; }, first, second, condition);
}

// ---- geometric ----

template <emulator::Vectorial A, emulator::Vectorial B>
  requires emulator::Matching<A, B>
constexpr EMULATOR_INLINE auto dot(A a, B b) {
  using T = emulator::Element<A>;
  T sum = T(a[0] * b[0]);
  for (int i = 1; i < emulator::size_of<A>; i++) sum = T(sum + T(a[i] * b[i]));
  return sum;
}
template <emulator::Vectorial A>
EMULATOR_INLINE auto length_squared(A a) {
  return dot(a, a);
}
template <emulator::Vectorial A>
EMULATOR_INLINE auto length(A a) {
  using T = emulator::Element<A>;
  return T(__builtin_sqrtf(float(dot(a, a))));
}

// ---- bits ----

template <class To, class From>
EMULATOR_INLINE To as_type(const From &value) {
  static_assert(sizeof(To) == sizeof(From), "as_type between types of different sizes");
  To result;
  __builtin_memcpy(&result, &value, sizeof result);
  return result;
}

} // namespace metal

using metal::as_type; // a keyword of the language, not of the library

// <metal_integer>.
#pragma once

#include "by-element.h"

namespace emulator {

template <class T>
struct Unsigned {
  using Type = __make_unsigned(T);
};
template <class T>
using UnsignedOf = typename Unsigned<T>::Type;

} // namespace emulator

namespace metal {

#define EMULATOR_INTEGER_1(name, expression)                                                                           \
  template <emulator::Integral A>                                                                                      \
  constexpr EMULATOR_INLINE auto name(A value) {                                                                       \
    return emulator::by_element(                                                                                       \
        [](auto x) {                                                                                                   \
          using T = decltype(x);                                                                                       \
          using U [[maybe_unused]] = emulator::UnsignedOf<T>;                                                          \
          [[maybe_unused]] constexpr int bits = sizeof(T) * 8;                                                         \
          return T(expression);                                                                                        \
        },                                                                                                             \
        value);                                                                                                        \
  }
EMULATOR_INTEGER_1(popcount, __builtin_popcountg(U(x)))
EMULATOR_INTEGER_1(clz, __builtin_clzg(U(x), bits))
EMULATOR_INTEGER_1(ctz, __builtin_ctzg(U(x), bits))
#undef EMULATOR_INTEGER_1

template <emulator::Numeric A>
constexpr EMULATOR_INLINE auto abs(A value) {
  return emulator::by_element(
      [](auto x) {
        using T = decltype(x);
        if constexpr (emulator::is_floating<T>) {
          return T(__builtin_fabsf(float(x)));
        } else {
          using U = emulator::UnsignedOf<T>;
          return T(x < T(0) ? T(U(0) - U(x)) : x);
        }
      },
      value);
}

template <emulator::Integral A>
constexpr EMULATOR_INLINE auto reverse_bits(A value) {
  return emulator::by_element(
      [](auto x) {
        using T = decltype(x);
        emulator::UnsignedOf<T> from = x, to = 0;
        for (unsigned i = 0; i < sizeof(T) * 8; i++, from >>= 1) to = (to << 1) | (from & 1);
        return T(to);
      },
      value);
}

#define EMULATOR_INTEGER_2(name, ...)                                                                                  \
  template <emulator::Integral A, emulator::Integral B>                                                                \
    requires emulator::Matching<A, B>                                                                                  \
  constexpr EMULATOR_INLINE auto name(A first, B second) {                                                             \
    return emulator::by_element(                                                                                       \
        [](auto x, auto y) {                                                                                           \
          using T = decltype(x);                                                                                       \
          using U [[maybe_unused]] = emulator::UnsignedOf<T>;                                                          \
          [[maybe_unused]] constexpr unsigned bits = sizeof(T) * 8;                                                    \
          __VA_ARGS__                                                                                                  \
        },                                                                                                             \
        first, second);                                                                                                \
  }
EMULATOR_INTEGER_2(rotate, const unsigned by = U(y) % bits;
                   return T(by == 0 ? U(x) : U(U(x) << by | U(x) >> (bits - by)));)
EMULATOR_INTEGER_2(mulhi, using Wide = metal::conditional_t<(T(-1) < T(0)), __int128, unsigned __int128>;
                   return T((Wide(x) * Wide(y)) >> bits);)
EMULATOR_INTEGER_2(absdiff, return U(x > y ? U(x) - U(y) : U(y) - U(x));)
EMULATOR_INTEGER_2(hadd, return T((__int128(x) + __int128(y)) >> 1);)
EMULATOR_INTEGER_2(rhadd, return T((__int128(x) + __int128(y) + 1) >> 1);)
EMULATOR_INTEGER_2(addsat, T sum = 0; return __builtin_add_overflow(x, y, &sum)
                                                 ? (y < T(0) ? numeric_limits<T>::min() : numeric_limits<T>::max())
                                                 : sum;)
EMULATOR_INTEGER_2(subsat, T sum = 0; return __builtin_sub_overflow(x, y, &sum)
                                                 ? (y < T(0) ? numeric_limits<T>::max() : numeric_limits<T>::min())
                                                 : sum;)
#undef EMULATOR_INTEGER_2

template <emulator::Integral A>
constexpr EMULATOR_INLINE auto extract_bits(A value, uint offset, uint count) {
  return emulator::by_element(
      [=](auto x) {
        using T = decltype(x);
        constexpr uint bits = sizeof(T) * 8;
        if (count == 0) return T(0);
        return T(T(emulator::UnsignedOf<T>(x) << (bits - offset - count)) >> (bits - count));
      },
      value);
}
template <emulator::Integral A>
constexpr EMULATOR_INLINE auto insert_bits(A base, A value, uint offset, uint count) {
  return emulator::by_element(
      [=](auto x, auto y) {
        using T = decltype(x);
        using U = emulator::UnsignedOf<T>;
        if (count == 0) return x;
        const U mask = U(U(~U(0)) >> (sizeof(T) * 8 - count)) << offset;
        return T((U(x) & ~mask) | (U(U(y) << offset) & mask));
      },
      base, value);
}

} // namespace metal

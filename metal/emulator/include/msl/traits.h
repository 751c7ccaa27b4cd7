// Type traits, arrays and limits of metal_stdlib.
#pragma once

#include "shape.h"

namespace metal {

template <class T, T v>
struct integral_constant {
  static constexpr T value = v;
  constexpr operator T() const { return v; }
};
template <bool v>
using bool_constant = integral_constant<bool, v>;
using true_type = bool_constant<true>;
using false_type = bool_constant<false>;

template <bool condition, class T, class F>
struct conditional {
  using type = T;
};
template <class T, class F>
struct conditional<false, T, F> {
  using type = F;
};
template <bool condition, class T, class F>
using conditional_t = typename conditional<condition, T, F>::type;

template <bool condition, class T = void>
struct enable_if {};
template <class T>
struct enable_if<true, T> {
  using type = T;
};
template <bool condition, class T = void>
using enable_if_t = typename enable_if<condition, T>::type;

template <class A, class B>
struct is_same : bool_constant<__is_same(A, B)> {};
template <class A, class B>
inline constexpr bool is_same_v = __is_same(A, B);
template <class T>
struct is_floating_point : bool_constant<emulator::is_floating<T>> {};
template <class T>
inline constexpr bool is_floating_point_v = emulator::is_floating<T>;
template <class T>
struct is_integral : bool_constant<__is_integral(T)> {};
template <class T>
inline constexpr bool is_integral_v = __is_integral(T);

template <class T>
struct remove_reference {
  using type = __remove_reference_t(T);
};
template <class T>
using remove_reference_t = __remove_reference_t(T);
template <class T>
struct remove_cv {
  using type = __remove_cv(T);
};
template <class T>
using remove_cv_t = __remove_cv(T);

// Without address space and reference.
template <class T>
struct remove_addrspace {
  using type = T;
};
template <class T>
struct remove_addrspace<T &> : remove_addrspace<T> {};
#ifdef EMULATOR_STRICT
template <class T>
struct remove_addrspace<__attribute__((address_space(1))) T> : remove_addrspace<T> {};
template <class T>
struct remove_addrspace<__attribute__((address_space(3))) T> : remove_addrspace<T> {};
template <class T>
struct remove_addrspace<const __attribute__((address_space(2))) T> : remove_addrspace<const T> {};
#endif
template <class T>
using remove_addrspace_t = typename remove_addrspace<T>::type;

template <class T, size_t N>
struct array {
  T elements[N];

  constexpr T &operator[](size_t index) { return elements[index]; }
  constexpr const T &operator[](size_t index) const { return elements[index]; }
  constexpr size_t size() const { return N; }
};
template <class T, class... Rest>
array(T, Rest...) -> array<T, 1 + sizeof...(Rest)>;

template <class T>
struct numeric_limits;
#define EMULATOR_INTEGER_LIMITS(T)                                                                                     \
  template <>                                                                                                          \
  struct numeric_limits<T> {                                                                                           \
    static constexpr bool is_signed = T(-1) < T(0);                                                                    \
    static constexpr int digits = sizeof(T) * 8 - is_signed;                                                           \
    static constexpr T max() { return T(~0ull >> (64 - digits)); }                                                     \
    static constexpr T min() { return T(-max() - is_signed) * is_signed; }                                             \
    static constexpr T lowest() { return min(); }                                                                      \
  };
EMULATOR_INTEGER_LIMITS(char)
EMULATOR_INTEGER_LIMITS(int8_t)
EMULATOR_INTEGER_LIMITS(uchar)
EMULATOR_INTEGER_LIMITS(short)
EMULATOR_INTEGER_LIMITS(ushort)
EMULATOR_INTEGER_LIMITS(int)
EMULATOR_INTEGER_LIMITS(uint)
EMULATOR_INTEGER_LIMITS(long)
EMULATOR_INTEGER_LIMITS(ulong)
#undef EMULATOR_INTEGER_LIMITS

// The smallest normal, the largest and the next after one, as bits.
#define EMULATOR_FLOAT_LIMITS(T, Bits, smallest, largest, one, infinite, quiet)                                        \
  template <>                                                                                                          \
  struct numeric_limits<T> {                                                                                           \
    static constexpr T min() { return __builtin_bit_cast(T, Bits(smallest)); }                                         \
    static constexpr T max() { return __builtin_bit_cast(T, Bits(largest)); }                                          \
    static constexpr T lowest() { return __builtin_bit_cast(T, Bits(largest | Bits(1) << (sizeof(T) * 8 - 1))); }      \
    static constexpr T epsilon() { return __builtin_bit_cast(T, Bits(one)); }                                          \
    static constexpr T infinity() { return __builtin_bit_cast(T, Bits(infinite)); }                                    \
    static constexpr T quiet_NaN() { return __builtin_bit_cast(T, Bits(quiet)); }                                      \
  };
EMULATOR_FLOAT_LIMITS(float, uint32_t, 0x00800000, 0x7f7fffff, 0x34000000, 0x7f800000, 0x7fc00000)
EMULATOR_FLOAT_LIMITS(half, uint16_t, 0x0400, 0x7bff, 0x1400, 0x7c00, 0x7e00)
EMULATOR_FLOAT_LIMITS(bfloat, uint16_t, 0x0080, 0x7f7f, 0x3c00, 0x7f80, 0x7fc0)
#undef EMULATOR_FLOAT_LIMITS

} // namespace metal

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define HUGE_VALF __builtin_inff()
#define FLT_MAX 3.40282346638528860e+38f
#define FLT_MIN 1.17549435082228751e-38f
#define FLT_EPSILON 1.19209289550781250e-07f
#define MAXFLOAT FLT_MAX
#define HALF_MAX half(65504.0f)
#define HALF_MIN half(6.103515625e-05f)
#define M_PI_F 3.14159274101257324f
#define M_E_F 2.71828174591064453f
#define M_LOG2E_F 1.44269502162933350f
#define M_LN2_F 0.693147182464599609f
#define M_SQRT2_F 1.41421353816986084f
#define CHAR_MAX 127
#define CHAR_MIN (-128)
#define UCHAR_MAX 255
#define SHRT_MAX 32767
#define SHRT_MIN (-32768)
#define USHRT_MAX 65535
#define INT_MAX 2147483647
#define INT_MIN (-2147483647 - 1)
#define UINT_MAX 4294967295u

#define METAL_FUNC inline __attribute__((always_inline))

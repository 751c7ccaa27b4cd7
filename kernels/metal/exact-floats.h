// Sums and products of f32 that have the bits of IEEE 754 on hardware that takes subnormal operands and results for
// zero. Moves, comparisons of bits and arithmetic of integers leave them alone. Which NaN a NaN is does not matter.
#pragma once

#include "common.h"

constant constexpr uint MAGNITUDE_BITS = 0x7fffffff;
constant constexpr uint INFINITY_BITS = 0x7f800000;
constant constexpr uint SMALLEST_NORMAL_BITS = 0x00800000;

// Comparing magnitudes as integers orders them as numbers; infinity is the largest, and NaN larger still.
inline uint magnitude_bits(float x) { return as_type<uint>(x) & MAGNITUDE_BITS; }
inline uint sign_bit(float x) { return as_type<uint>(x) & ~MAGNITUDE_BITS; }
inline bool is_subnormal(float x) { return magnitude_bits(x) - 1 < SMALLEST_NORMAL_BITS - 1; }

// 2^exponent, of a normal f32.
inline float power_of_two(int exponent) { return as_type<float>(uint(exponent + 127) << 23); }

// A number is mantissa * 2^exponent, the mantissa in [2^23, 2^24). Not of 0, infinity and NaN.
struct Parts {
  uint mantissa;
  int exponent;
};

inline Parts parts_of(float x) {
  const uint bits = magnitude_bits(x);
  if (bits < SMALLEST_NORMAL_BITS) {
    const int shift = int(clz(bits)) - 8;
    return {bits << shift, -149 - shift};
  }
  return {(bits & (SMALLEST_NORMAL_BITS - 1)) | SMALLEST_NORMAL_BITS, int(bits >> 23) - 150};
}

// a * b, of which neither is 0 and the product does not overflow unless one of them is infinite: with integers.
inline float product_by_integers(float a, float b) {
  const uint sign = sign_bit(a) ^ sign_bit(b);
  const uint larger = max(magnitude_bits(a), magnitude_bits(b));
  if (larger >= INFINITY_BITS) return as_type<float>(sign | larger);
  const Parts x = parts_of(a);
  const Parts y = parts_of(b);
  const ulong product = ulong(x.mantissa) * y.mantissa; // in [2^46, 2^48)
  const int exponent = x.exponent + y.exponent;
  // What is left are the bits that a normal f32 has, or those from 2^-149 on.
  const int shift = max(product >> 47 != 0 ? 24 : 23, -149 - exponent);
  if (shift > 48) return as_type<float>(sign);
  const ulong cut = product & ((1ul << shift) - 1);
  const ulong middle = 1ul << (shift - 1);
  uint mantissa = uint(product >> shift);
  if (cut > middle || (cut == middle && (mantissa & 1) != 0)) mantissa++;
  // A mantissa of 2^23 or more carries into the exponent, which is 1 less for that; a subnormal has none.
  return as_type<float>(sign | ((uint(exponent + shift + 149) << 23) + mantissa));
}

// a * b. What the hardware finds larger than the smallest normal number was not flushed.
inline float exact_product(float a, float b) {
  const float product = a * b;
  const bool flushed = magnitude_bits(product) <= SMALLEST_NORMAL_BITS || is_subnormal(a) || is_subnormal(b);
  if (!flushed || magnitude_bits(a) == 0 || magnitude_bits(b) == 0) return product;
  return product_by_integers(a, b);
}

// x * 2^100, for |x| < 2^-100.
inline float enlarged(float x) {
  const uint bits = magnitude_bits(x);
  if (bits >= SMALLEST_NORMAL_BITS) return x * power_of_two(100);
  return as_type<float>(sign_bit(x) | as_type<uint>(float(bits) * power_of_two(100 - 149)));
}

// x / 2^100, for what is a multiple of 2^-49: subnormal results need no rounding.
inline float reduced(float x) {
  const float magnitude = as_type<float>(magnitude_bits(x));
  if (magnitude >= power_of_two(100 - 126)) return x * power_of_two(-100);
  return as_type<float>(sign_bit(x) | uint(magnitude * power_of_two(149 - 100)));
}

// a + b. Beside a number of at least 2^-100 subnormal ones are lost in rounding, and what such a number leaves when it
// is cancelled is 0 or at least 2^-124. Sums of smaller ones are made of numbers 2^100 times as large.
inline float exact_sum(float a, float b) {
  if (max(magnitude_bits(a), magnitude_bits(b)) >= as_type<uint>(power_of_two(-100))) return a + b;
  return reduced(enlarged(a) + enlarged(b));
}

// The scalar types of MSL and their literals. Floats round after every operation: _Float16 and __bf16 are compiled
// without excess precision.
#pragma once

#include <stddef.h>
#include <stdint.h>

using uchar = unsigned char;
using ushort = unsigned short;
using uint = unsigned int;
using ulong = unsigned long;
using half = _Float16;
using bfloat = __bf16;

static_assert(sizeof(long) == 8 && sizeof(half) == 2 && sizeof(bfloat) == 2);

constexpr half operator""h(long double value) { return static_cast<half>(static_cast<float>(value)); }
constexpr half operator"" H(long double value) { return static_cast<half>(static_cast<float>(value)); }
inline bfloat operator"" bf(long double value) { return static_cast<bfloat>(static_cast<float>(value)); }
inline bfloat operator"" BF(long double value) { return static_cast<bfloat>(static_cast<float>(value)); }

#define EMULATOR_INLINE inline __attribute__((always_inline))

#ifndef EMULATOR_STRICT
// What the compiler calls to narrow a float where the processor has no instruction for it: to the nearest, ties to
// even.
extern "C" __attribute__((weak, used, visibility("hidden"))) bfloat __truncsfbf2(float value) {
  uint32_t bits = __builtin_bit_cast(uint32_t, value);
  const bool is_nan = (bits & 0x7fffffff) > 0x7f800000;
  bits = is_nan ? bits | 0x400000 : bits + 0x7fff + ((bits >> 16) & 1);
  return __builtin_bit_cast(bfloat, static_cast<uint16_t>(bits >> 16));
}
#endif

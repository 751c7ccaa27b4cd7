// int4 codes, two a byte: the even k in the low half, two's complement.
#pragma once

#include "common.h"

// Eight codes of a row that follow one another.
struct EightCodes {
  char4 low, high;
};

inline EightCodes unpack_nibbles(char4 bytes) {
  const char4 even = char4((int4(bytes) << 28) >> 28);
  const char4 odd = char4(int4(bytes) >> 4);
  return {char4(even.x, odd.x, even.y, odd.y), char4(even.z, odd.z, even.w, odd.w)};
}

// Code k of a row.
inline char nibble_at(device const int8_t *row, uint k) {
  const int byte = row[k / 2];
  return char(k % 2 == 0 ? (byte << 28) >> 28 : byte >> 4);
}

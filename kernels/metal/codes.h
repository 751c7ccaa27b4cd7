// Loads of eight codes that follow one another in a row. At any address they are of packed vectors, which want no more
// than a byte's alignment; whether that costs more than one load is the compiler's secret.
#pragma once

#include "nibbles.h"

template <uint BITS>
inline char code_at(device const int8_t *row, uint k) {
  return BITS == 8 ? row[k] : nibble_at(row, k);
}

// Codes [k, k + 8) of a row. k is even.
template <uint BITS>
inline EightCodes eight_codes(device const int8_t *row, uint k) {
  if (BITS == 4) return unpack_nibbles(char4(*reinterpret_cast<device const packed_char4 *>(row + k / 2)));
  device const packed_char4 *codes = reinterpret_cast<device const packed_char4 *>(row + k);
  return {char4(codes[0]), char4(codes[1])};
}

// The same of a row that begins at a multiple of 4 bytes, k being one of 8: two loads of a word, or one.
template <uint BITS>
inline EightCodes eight_aligned_codes(device const int8_t *row, uint k) {
  if (BITS == 4) return unpack_nibbles(*reinterpret_cast<device const char4 *>(row + k / 2));
  device const char4 *codes = reinterpret_cast<device const char4 *>(row + k);
  return {codes[0], codes[1]};
}

// The same before `end`, and zeros behind it, where nothing is read.
template <uint BITS>
inline EightCodes codes_before(device const int8_t *row, uint k, uint end) {
  EightCodes codes = {char4(0), char4(0)};
  for (uint i = 0; i < 4; i++) {
    if (k + i < end) codes.low[i] = code_at<BITS>(row, k + i);
    if (k + 4 + i < end) codes.high[i] = code_at<BITS>(row, k + 4 + i);
  }
  return codes;
}

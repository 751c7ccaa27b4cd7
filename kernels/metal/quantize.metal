// Activations to int8 codes, one scale a row: docs/numerics.md section 1. One threadgroup a row.

#include "common.h"
#include "exact-floats.h"
#include "parameters.h"
#include "rows.h"

constant constexpr uint QUIET_NAN_BITS = 0x7fc00000;

// Of 127 * 2^-126: the smallest largest magnitude of a row for which scale and factor are normal numbers.
constant constexpr uint SMALLEST_SCALED_BITS = 0x03fe0000;

// Elements [column, column + 4) of a row, zeros behind it.
inline float4 four_activations(device const float *row, uint column, uint columns) {
  if (column + 4 <= columns) return float4(*reinterpret_cast<device const packed_float4 *>(row + column));
  float4 x = float4(0.0f);
  for (uint i = 0; column + i < columns; i++) x[i] = row[column + i];
  return x;
}

// How a row is quantized: scale = absmax / 127, factor = 127 / absmax. A factor of 0 makes all codes 0.
struct RowScale {
  float scale, factor;
};

// By integers, so that nothing depends on how hardware divides. No quotient lies in the middle between two floats: 127
// is odd, and has fewer bits than such a quotient.
inline RowScale row_scale(uint absmax_bits) {
  if (absmax_bits >= INFINITY_BITS) return {as_type<float>(QUIET_NAN_BITS), 0.0f};
  if (absmax_bits < SMALLEST_SCALED_BITS) return {1.0f, 0.0f};
  const uint exponent = absmax_bits >> 23;
  const uint mantissa = (absmax_bits & (SMALLEST_NORMAL_BITS - 1)) | SMALLEST_NORMAL_BITS;

  // The quotients get 24 bits: mantissa * 2^shift / 127 and 127 * 2^factor_shift / mantissa lie in [2^23, 2^24].
  const uint shift = mantissa >= 127u << 17 ? 6 : 7;
  const uint dividend = mantissa << shift;
  const uint scale = dividend / 127 + (dividend % 127 > 63 ? 1 : 0);

  const uint factor_shift = mantissa <= 127u << 17 ? 40 : 41;
  const ulong numerator = 127ul << factor_shift;
  const uint quotient = uint(numerator / mantissa);
  const uint rest = uint(numerator - ulong(quotient) * mantissa);
  const uint factor = quotient + (2 * rest > mantissa ? 1 : 0);

  // The highest bit of a mantissa, which a float leaves out, counts as 1 of the exponent.
  return {as_type<float>(((exponent - shift - 1) << 23) + scale),
          as_type<float>(((300 - factor_shift - exponent - 1) << 23) + factor)};
}

[[kernel, max_total_threads_per_threadgroup(ROW_THREADS)]] void
quantize_per_token(device const float *x [[buffer(0)]], device int8_t *codes [[buffer(1)]],
                   device float *scales [[buffer(2)]], constant QuantizeParameters &p [[buffer(3)]],
                   uint row [[threadgroup_position_in_grid]], uint thread_index [[thread_index_in_threadgroup]],
                   uint simdgroup [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup int parts[ROW_SIMDGROUPS];
  threadgroup float row_factor;
  device const float *values = x + ulong(row) * p.columns;

  int largest = 0;
  for (uint column = thread_index * 4; column < p.columns; column += ROW_THREADS * 4) {
    const float4 four = four_activations(values, column, p.columns);
    for (uint i = 0; i < 4; i++) largest = max(largest, int(magnitude_bits(four[i])));
  }
  largest = row_max(largest, parts, {thread_index, lane, simdgroup});
  if (thread_index == 0) {
    const RowScale scale = row_scale(uint(largest));
    scales[row] = scale.scale;
    row_factor = scale.factor;
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);

  const float factor = row_factor;
  device char4 *row_codes = reinterpret_cast<device char4 *>(codes + ulong(row) * p.code_stride);
  for (uint column = thread_index * 4; column < p.code_stride; column += ROW_THREADS * 4) {
    int4 rounded = int4(0);
    if (factor != 0.0f) {
      const float4 four = four_activations(values, column, p.columns);
      for (uint i = 0; i < 4; i++) rounded[i] = int(clamp(rint(exact_product(four[i], factor)), -127.0f, 127.0f));
    }
    row_codes[column / 4] = char4(rounded);
  }
}

// One row of float activations with integer weights: docs/numerics.md section 5. A simdgroup has four outputs, and its
// lanes take turns at K; weights are read once, activations once for four.

#include "common.h"
#include "parameters.h"
#include "codes.h"

constant constexpr uint SIMDGROUP_ROWS = MV_ROWS * 32 / MV_THREADS;

// Codes of a row that a lane reads at a time, in eights.
template <uint BITS>
constexpr uint eights_at_once() {
  return BITS == 8 ? 1 : 2;
}

struct EightFloats {
  float4 low, high;
};

// Elements [k, k + 8) of x, zeros behind its end.
inline EightFloats eight_floats(device const float *x, uint k, uint end) {
  if (k + 8 <= end) {
    device const packed_float4 *values = reinterpret_cast<device const packed_float4 *>(x + k);
    return {float4(values[0]), float4(values[1])};
  }
  EightFloats values = {float4(0.0f), float4(0.0f)};
  for (uint i = 0; i < 4; i++) {
    if (k + i < end) values.low[i] = x[k + i];
    if (k + 4 + i < end) values.high[i] = x[k + 4 + i];
  }
  return values;
}

// The rows of weights of a simdgroup, the last one instead of those that do not exist.
struct WeightRows {
  device const int8_t *codes[SIMDGROUP_ROWS];
  device const float *scales[SIMDGROUP_ROWS];
};

inline WeightRows weight_rows(device const int8_t *weight, device const float *scales, uint first,
                              constant MatrixVectorParameters &p) {
  WeightRows rows;
  for (uint i = 0; i < SIMDGROUP_ROWS; i++) {
    const ulong row = min(first + i, p.n - 1);
    rows.codes[i] = weight + row * p.weight_stride;
    rows.scales[i] = scales + row * p.groups;
  }
  return rows;
}

// The share of a lane in each of the sums.
struct LaneSums {
  float values[SIMDGROUP_ROWS];
};

// sums += scale * (codes * x), of codes [k, k + 8) of each row. By channel, scales come in at the end.
template <uint BITS, bool HAS_GROUPS>
inline void add_eight(thread LaneSums &sums, thread const WeightRows &rows, EightFloats x, uint k,
                      constant MatrixVectorParameters &p) {
  for (uint i = 0; i < SIMDGROUP_ROWS; i++) {
    device const int8_t *row = rows.codes[i];
    const EightCodes codes = k + 8 > p.k         ? codes_before<BITS>(row, k, p.k)
                             : p.is_aligned != 0 ? eight_aligned_codes<BITS>(row, k)
                                                 : eight_codes<BITS>(row, k);
    const float sum = dot(float4(codes.low), x.low) + dot(float4(codes.high), x.high);
    sums.values[i] += HAS_GROUPS ? rows.scales[i][k / p.group_size] * sum : sum;
  }
}

template <uint BITS, bool HAS_GROUPS>
inline void add_row(thread LaneSums &sums, thread const WeightRows &rows, device const float *x, uint lane,
                    constant MatrixVectorParameters &p) {
  constexpr uint EIGHTS = eights_at_once<BITS>();
  for (uint from = lane * EIGHTS * 8; from < p.k; from += 32 * EIGHTS * 8) {
    for (uint k = from; k < min(from + EIGHTS * 8, p.k); k += 8) {
      add_eight<BITS, HAS_GROUPS>(sums, rows, eight_floats(x, k, p.k), k, p);
    }
  }
}

// Groups that eight codes may straddle: a code at a time.
template <uint BITS>
inline void add_row_by_codes(thread LaneSums &sums, thread const WeightRows &rows, device const float *x, uint lane,
                             constant MatrixVectorParameters &p) {
  for (uint k = lane; k < p.k; k += 32) {
    for (uint i = 0; i < SIMDGROUP_ROWS; i++) {
      sums.values[i] += rows.scales[i][k / p.group_size] * (float(code_at<BITS>(rows.codes[i], k)) * x[k]);
    }
  }
}

template <uint BITS, bool HAS_GROUPS>
inline void matrix_vector(device const float *x, device const int8_t *weight, device float *out,
                          device const float *scales, device const float *bias, constant MatrixVectorParameters &p,
                          uint first, uint lane) {
  const WeightRows rows = weight_rows(weight, scales, first, p);
  LaneSums sums;
  for (uint i = 0; i < SIMDGROUP_ROWS; i++) sums.values[i] = 0.0f;
  if (HAS_GROUPS && p.group_size % 8 != 0) {
    add_row_by_codes<BITS>(sums, rows, x, lane, p);
  } else {
    add_row<BITS, HAS_GROUPS>(sums, rows, x, lane, p);
  }
  for (uint i = 0; i < SIMDGROUP_ROWS; i++) {
    const float sum = simd_sum(sums.values[i]);
    if (lane != 0 || first + i >= p.n) continue;
    const float y = HAS_GROUPS ? sum : sum * rows.scales[i][0];
    out[first + i] = p.has_bias != 0 ? y + bias[first + i] : y;
  }
}

#define MV_KERNEL(NAME, BITS, HAS_GROUPS)                                                                              \
  [[kernel, max_total_threads_per_threadgroup(MV_THREADS)]] void NAME(                                                 \
      device const float *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device float *out [[buffer(2)]], \
      device const float *scales [[buffer(3)]], device const float *bias [[buffer(4)]],                                \
      constant MatrixVectorParameters &p [[buffer(5)]], uint threadgroup_index [[threadgroup_position_in_grid]],       \
      uint simdgroup [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {                    \
    const uint first = threadgroup_index * MV_ROWS + simdgroup * SIMDGROUP_ROWS;                                       \
    matrix_vector<BITS, HAS_GROUPS>(x, weight, out, scales, bias, p, first, lane);                                     \
  }

MV_KERNEL(int8_mv, 8, false)
MV_KERNEL(int8_group_mv, 8, true)
MV_KERNEL(int4_mv, 4, false)
MV_KERNEL(int4_group_mv, 4, true)

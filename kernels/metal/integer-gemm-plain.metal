// Integer products without Metal's tensors, for GPUs that have no units for them. A threadgroup brings a step of K of
// its tile into its memory; a thread multiplies the rows and columns of the tile that are its own.

#include "common.h"
#include "parameters.h"
#include "tile-table.h"
#include "tiles.h"
#include "codes.h"
#include "epilogue.h"
#include "gemm-kernel.h"

// Codes of a step. Floats multiply faster than integers, and exactly: 64 products of codes are less than 2^24.
constant constexpr uint STEP = 64;

// Vectors of four codes from a row in threadgroup memory to the next: odd, so that rows begin in different banks.
constant constexpr uint PITCH = STEP / 4 + 1;

// Threads of a threadgroup as a square.
constant constexpr uint SIDE = 16;
static_assert(PLAIN_THREADS == SIDE * SIDE, "a square");

// Codes [k, k + STEP) of the rows of a tile, zeros from `end` on and for rows that do not exist.
template <uint BITS, uint TILE_ROWS>
inline void share_codes(threadgroup char4 *shared, device const int8_t *matrix, uint first, uint rows, uint stride,
                        uint k, uint end, uint thread_index) {
  constexpr uint EIGHTS = STEP / 8;
  for (uint i = thread_index; i < TILE_ROWS * EIGHTS; i += PLAIN_THREADS) {
    const uint row = i / EIGHTS;
    const uint from = k + i % EIGHTS * 8;
    device const int8_t *codes = matrix + ulong(first + row) * stride;
    EightCodes eight = {char4(0), char4(0)};
    if (first + row < rows) {
      const bool is_whole = from + 8 <= end && (BITS == 8 || from % 2 == 0);
      eight = is_whole ? eight_codes<BITS>(codes, from) : codes_before<BITS>(codes, from, end);
    }
    shared[row * PITCH + i % EIGHTS * 2] = eight.low;
    shared[row * PITCH + i % EIGHTS * 2 + 1] = eight.high;
  }
}

// Where a thread is: it has the rows first_m + row, + SIDE, and so on, and the columns likewise.
struct ThreadPlace {
  Tile tile;
  uint row, column, index;
};

// The outputs of a thread.
template <typename T, uint ROWS, uint COLUMNS>
struct Outputs {
  T values[ROWS][COLUMNS];
};

template <uint ROWS, uint COLUMNS>
inline void add_step(thread Outputs<int, ROWS, COLUMNS> &sums, threadgroup const char4 *x,
                     threadgroup const char4 *weight, ThreadPlace place) {
  Outputs<float, ROWS, COLUMNS> step;
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) step.values[i][j] = 0.0f;
  }
  for (uint k = 0; k < STEP / 4; k++) {
    float4 columns[COLUMNS];
    for (uint j = 0; j < COLUMNS; j++) columns[j] = float4(weight[(place.column + j * SIDE) * PITCH + k]);
    for (uint i = 0; i < ROWS; i++) {
      const float4 row = float4(x[(place.row + i * SIDE) * PITCH + k]);
      for (uint j = 0; j < COLUMNS; j++) step.values[i][j] += dot(row, columns[j]);
    }
  }
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) sums.values[i][j] += int(step.values[i][j]);
  }
}

// Matrices of codes, and threadgroup memory for a step of a tile of each.
struct Operands {
  device const int8_t *x, *weight;
  threadgroup char4 *shared_x, *shared_weight;
};

// The sums over codes [from, end). All threads of a threadgroup take part.
template <uint BITS, uint ROWS, uint COLUMNS>
inline Outputs<int, ROWS, COLUMNS> sum_codes(Operands operands, ThreadPlace place, constant IntegerGemmParameters &p,
                                             uint from, uint end) {
  Outputs<int, ROWS, COLUMNS> sums;
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) sums.values[i][j] = 0;
  }
  for (uint k = from; k < end; k += STEP) {
    threadgroup_barrier(mem_flags::mem_threadgroup); // the last step has been read
    share_codes<8, ROWS * SIDE>(operands.shared_x, operands.x, place.tile.first_m, p.m, p.x_stride, k, end,
                                place.index);
    share_codes<BITS, COLUMNS * SIDE>(operands.shared_weight, operands.weight, place.tile.first_n, p.n, p.weight_stride,
                                      k, end, place.index);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    add_step(sums, operands.shared_x, operands.shared_weight, place);
  }
  return sums;
}

// Row i and column j of a thread.
inline uint row_of(ThreadPlace place, uint i) { return place.tile.first_m + place.row + i * SIDE; }
inline uint column_of(ThreadPlace place, uint j) { return place.tile.first_n + place.column + j * SIDE; }

template <typename T, uint ROWS, uint COLUMNS>
inline void store_outputs(device T *out, thread const Outputs<T, ROWS, COLUMNS> &outputs, ThreadPlace place,
                          constant IntegerGemmParameters &p) {
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) {
      const uint m = row_of(place, i);
      const uint n = column_of(place, j);
      if (m < p.m && n < p.n) out[ulong(m) * p.n + n] = outputs.values[i][j];
    }
  }
}

// What belongs to the rows or columns of a thread, the last one's instead of those that do not exist.
template <uint COUNT>
struct LaneValues {
  float values[COUNT];
};

template <uint COUNT>
inline LaneValues<COUNT> lane_values(device const float *values, uint first, uint size, uint stride) {
  LaneValues<COUNT> result;
  for (uint i = 0; i < COUNT; i++) result.values[i] = values[ulong(min(first + i * SIDE, size - 1)) * stride];
  return result;
}

template <uint ROWS, uint COLUMNS>
inline void store_scaled(device float *out, thread Outputs<float, ROWS, COLUMNS> &outputs, device const float *bias,
                         ThreadPlace place, constant IntegerGemmParameters &p) {
  if (p.has_bias != 0) {
    const LaneValues<COLUMNS> biases = lane_values<COLUMNS>(bias, column_of(place, 0), p.n, 1);
    for (uint i = 0; i < ROWS; i++) {
      for (uint j = 0; j < COLUMNS; j++) {
        outputs.values[i][j] = with_bias(outputs.values[i][j], true, biases.values[j]);
      }
    }
  }
  store_outputs(out, outputs, place, p);
}

template <uint BITS, uint ROWS, uint COLUMNS>
inline void channel_tile(Operands operands, device float *out, device const float *x_scales,
                         device const float *weight_scales, device const float *bias, ThreadPlace place,
                         constant IntegerGemmParameters &p) {
  const Outputs<int, ROWS, COLUMNS> sums = sum_codes<BITS, ROWS, COLUMNS>(operands, place, p, 0, p.k);
  const LaneValues<ROWS> rows = lane_values<ROWS>(x_scales, row_of(place, 0), p.m, 1);
  const LaneValues<COLUMNS> columns = lane_values<COLUMNS>(weight_scales, column_of(place, 0), p.n, 1);
  Outputs<float, ROWS, COLUMNS> outputs;
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) {
      outputs.values[i][j] = scaled_by_channel(sums.values[i][j], rows.values[i], columns.values[j]);
    }
  }
  store_scaled(out, outputs, bias, place, p);
}

template <uint BITS, uint ROWS, uint COLUMNS>
inline void group_tile(Operands operands, device float *out, device const float *x_scales,
                       device const float *weight_scales, device const float *bias, ThreadPlace place,
                       constant IntegerGemmParameters &p) {
  Outputs<float, ROWS, COLUMNS> totals;
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) totals.values[i][j] = 0.0f;
  }
  for (uint group = 0; group < p.groups; group++) {
    const uint from = group * p.group_size;
    const Outputs<int, ROWS, COLUMNS> sums =
        sum_codes<BITS, ROWS, COLUMNS>(operands, place, p, from, from + min(p.group_size, p.k - from));
    const LaneValues<COLUMNS> columns = lane_values<COLUMNS>(weight_scales + group, column_of(place, 0), p.n, p.groups);
    for (uint i = 0; i < ROWS; i++) {
      for (uint j = 0; j < COLUMNS; j++) {
        totals.values[i][j] = with_any_group(totals.values[i][j], sums.values[i][j], columns.values[j]);
      }
    }
  }
  const LaneValues<ROWS> rows = lane_values<ROWS>(x_scales, row_of(place, 0), p.m, 1);
  for (uint i = 0; i < ROWS; i++) {
    for (uint j = 0; j < COLUMNS; j++) totals.values[i][j] = scaled_by_group(totals.values[i][j], rows.values[i]);
  }
  store_scaled(out, totals, bias, place, p);
}

// The bodies of kernels. SIZE names a tile of tile-table.h.
#define THREAD_SHAPE(SIZE) PLAIN_##SIZE##_M / SIDE, PLAIN_##SIZE##_N / SIDE
#define PLAIN_TILE(SIZE)                                                                                               \
  threadgroup char4 shared_x[PLAIN_##SIZE##_M * PITCH];                                                                \
  threadgroup char4 shared_weight[PLAIN_##SIZE##_N * PITCH];                                                           \
  const uint index = simdgroup * 32 + lane;                                                                            \
  const Tile tile = swizzled_tile(threadgroup_index, p, PLAIN_##SIZE##_M, PLAIN_##SIZE##_N);                           \
  if (!tile.exists) return;                                                                                            \
  const ThreadPlace place = {tile, index / SIDE, index % SIDE, index};                                                 \
  const Operands operands = {x, weight, shared_x, shared_weight};
#define RAW_TILE(SIZE)                                                                                                 \
  PLAIN_TILE(SIZE)                                                                                                     \
  store_outputs(out, sum_codes<8, THREAD_SHAPE(SIZE)>(operands, place, p, 0, p.k), place, p);
#define SCALED_TILE(GEMM, BITS, SIZE)                                                                                  \
  PLAIN_TILE(SIZE)                                                                                                     \
  GEMM<BITS, THREAD_SHAPE(SIZE)>(operands, out, x_scales, weight_scales, bias, place, p);

RAW_KERNEL(int8_matmul_large, PLAIN_THREADS, RAW_TILE(LARGE))
RAW_KERNEL(int8_matmul_small, PLAIN_THREADS, RAW_TILE(SMALL))
SCALED_KERNEL(int8_gemm_large, PLAIN_THREADS, SCALED_TILE(channel_tile, 8, LARGE))
SCALED_KERNEL(int8_gemm_small, PLAIN_THREADS, SCALED_TILE(channel_tile, 8, SMALL))
SCALED_KERNEL(int8_group_gemm_large, PLAIN_THREADS, SCALED_TILE(group_tile, 8, LARGE))
SCALED_KERNEL(int8_group_gemm_small, PLAIN_THREADS, SCALED_TILE(group_tile, 8, SMALL))
SCALED_KERNEL(int4_gemm_large, PLAIN_THREADS, SCALED_TILE(channel_tile, 4, LARGE))
SCALED_KERNEL(int4_gemm_small, PLAIN_THREADS, SCALED_TILE(channel_tile, 4, SMALL))
SCALED_KERNEL(int4_group_gemm_large, PLAIN_THREADS, SCALED_TILE(group_tile, 4, LARGE))
SCALED_KERNEL(int4_group_gemm_small, PLAIN_THREADS, SCALED_TILE(group_tile, 4, SMALL))

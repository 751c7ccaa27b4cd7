// Step 7: a simdgroup has a block of 32 x 32, sixteen of them a threadgroup. They meet now and then, and threadgroups
// are numbered so that neighbours read the same weights.

#include <metal_stdlib>
#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

using namespace metal;
using namespace mpp::tensor_ops;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
};

#define BLOCK 32
#define SIMDGROUPS_N 4
#define TILE 128
#define THREADS 512
#define DEPTH 16
#define MEETING 512 // codes that simdgroups multiply before they wait for one another
#define STRIP 4     // rows of tiles that are walked together

// Of a fragment of 16 x 16 a lane of an Apple10 GPU holds four neighbours in this row and four in the eighth after it.
inline uint lane_row(uint lane) { return ((lane >> 4) & 1) * 4 + ((lane >> 2) & 1) * 2 + ((lane >> 1) & 1); }
inline uint lane_column(uint lane) { return ((lane >> 3) & 1) * 8 + (lane & 1) * 4; }

// Codes [k, k + 4) of a row; those from `end` on are zeros and are not read.
inline char4 word_before(device const int8_t *row, uint k, uint end) {
  if (k + 4 <= end) return char4(*reinterpret_cast<device const packed_char4 *>(row + k));
  char4 word = char4(0);
  for (uint i = 0; k + i < end; i++) word[i] = row[k + i];
  return word;
}

// Four elements of an operand that follow one another.
template <typename Operand>
inline void set_word(thread Operand &operand, ushort i, char4 word) {
#pragma clang loop unroll(full)
  for (ushort j = 0; j < 4; j++) operand[4 * i + j] = word[j];
}

// The rows of codes that a lane reads for a block.
struct LaneRows {
  device const int8_t *rows[4];
};

inline LaneRows lane_rows(device const int8_t *codes, uint first, uint count, uint stride, uint lane) {
  LaneRows lanes;
  for (uint i = 0; i < 4; i++) lanes.rows[i] = codes + ulong(min(first + lane_row(lane) + 8 * i, count - 1)) * stride;
  return lanes;
}

template <typename Sums>
inline void store(device int *out, uint first_m, uint first_n, constant Sizes &sizes, uint lane, thread Sums &sums) {
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    const uint row = first_m + lane_row(lane) + i / 4 % 2 * 8;
    const uint column = first_n + i / 8 * 16 + lane_column(lane) + i % 4;
    if (row < sizes.m && column < sizes.n) out[ulong(row) * sizes.n + column] = sums[i];
  }
}

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device const int8_t *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device int *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], uint index [[threadgroup_position_in_grid]],
     uint simdgroup [[simdgroup_index_in_threadgroup]], uint lane [[thread_index_in_simdgroup]]) {
  const uint strip_tiles = (sizes.n + TILE - 1) / TILE * STRIP;
  const uint tile_row = index / strip_tiles * STRIP + index % STRIP;
  const uint tile_column = index % strip_tiles / STRIP;
  if (tile_row * TILE >= sizes.m) return; // the whole threadgroup leaves

  const uint first_m = tile_row * TILE + simdgroup / SIMDGROUPS_N * BLOCK;
  const uint first_n = tile_column * TILE + simdgroup % SIMDGROUPS_N * BLOCK;
  const bool is_empty = first_m >= sizes.m || first_n >= sizes.n;
  const LaneRows x_rows = lane_rows(x, first_m, sizes.m, sizes.x_stride, lane);
  const LaneRows weight_rows = lane_rows(weight, first_n, sizes.n, sizes.weight_stride, lane);

  constexpr auto descriptor =
      matmul2d_descriptor(16, 32, DEPTH, false, true, false, matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroup> product;
  auto upper_left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto lower_left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right = product.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto upper = product.get_destination_cooperative_tensor<remove_addrspace_t<decltype(upper_left)>,
                                                          remove_addrspace_t<decltype(right)>, int32_t>();
  auto lower = product.get_destination_cooperative_tensor<remove_addrspace_t<decltype(lower_left)>,
                                                          remove_addrspace_t<decltype(right)>, int32_t>();
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    upper[i] = 0;
    lower[i] = 0;
  }

#pragma clang loop unroll(disable)
  for (uint k = 0; k < sizes.k; k += DEPTH) {
    if (!is_empty) {
      const uint lane_k = k + lane_column(lane);
#pragma clang loop unroll(full)
      for (ushort i = 0; i < 2; i++) {
        set_word(upper_left, i, word_before(x_rows.rows[i], lane_k, sizes.k));
        set_word(lower_left, i, word_before(x_rows.rows[2 + i], lane_k, sizes.k));
      }
#pragma clang loop unroll(full)
      for (ushort i = 0; i < 4; i++) set_word(right, i, word_before(weight_rows.rows[i], lane_k, sizes.k));
      product.run(upper_left, right, upper);
      product.run(lower_left, right, lower);
    }
    if ((k + DEPTH) % MEETING == 0) threadgroup_barrier(mem_flags::mem_none);
  }
  store(out, first_m, first_n, sizes, lane, upper);
  store(out, first_m + 16, first_n, sizes, lane, lower);
}

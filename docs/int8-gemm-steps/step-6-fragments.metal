// Step 6: a simdgroup fills the registers of matmul2d itself. It must know which lane holds which element.

#include <metal_stdlib>
#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

using namespace metal;
using namespace mpp::tensor_ops;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
};

#define TILE_M 16
#define TILE_N 32
#define DEPTH 16
#define THREADS 32

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

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device const int8_t *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device int *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], uint2 tile [[threadgroup_position_in_grid]],
     uint lane [[thread_index_in_simdgroup]]) {
  const uint first_row = tile.y * TILE_M + lane_row(lane);
  device const int8_t *x_rows[2];
  for (uint i = 0; i < 2; i++) x_rows[i] = x + ulong(min(first_row + 8 * i, sizes.m - 1)) * sizes.x_stride;
  device const int8_t *weight_rows[4];
  for (uint i = 0; i < 4; i++) {
    weight_rows[i] = weight + ulong(min(tile.x * TILE_N + lane_row(lane) + 8 * i, sizes.n - 1)) * sizes.weight_stride;
  }

  constexpr auto descriptor =
      matmul2d_descriptor(TILE_M, TILE_N, DEPTH, false, true, false, matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right = product.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto sums = product.get_destination_cooperative_tensor<remove_addrspace_t<decltype(left)>,
                                                         remove_addrspace_t<decltype(right)>, int32_t>();
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) sums[i] = 0;

  for (uint k = 0; k < sizes.k; k += DEPTH) {
#pragma clang loop unroll(full)
    for (ushort i = 0; i < 2; i++) set_word(left, i, word_before(x_rows[i], k + lane_column(lane), sizes.k));
#pragma clang loop unroll(full)
    for (ushort i = 0; i < 4; i++) set_word(right, i, word_before(weight_rows[i], k + lane_column(lane), sizes.k));
    product.run(left, right, sums);
  }

  // Two fragments of 16 columns follow one another in the sums.
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    const uint row = first_row + i / 4 % 2 * 8;
    const uint column = tile.x * TILE_N + i / 8 * 16 + lane_column(lane) + i % 4;
    if (row < sizes.m && column < sizes.n) out[ulong(row) * sizes.n + column] = sums[i];
  }
}

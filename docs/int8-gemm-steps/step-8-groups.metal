// Step 8: int4 weights, whose nibbles become codes in registers, and a scale for each group of codes.

#include <metal_stdlib>
#include <metal_tensor>

#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>

#pragma METAL fp contract(off)

using namespace metal;
using namespace mpp::tensor_ops;

struct Sizes {
  uint m, n, k;
  uint x_stride, weight_stride; // bytes between rows
  uint group_size;              // a multiple of 16; the last group of a row may be shorter
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

// The same of a row of int4 codes: the even k in the low half of a byte, two's complement. k is even.
inline char4 nibbles_before(device const int8_t *row, uint k, uint end) {
  int bytes[2] = {0, 0};
  for (uint i = 0; i < 2; i++) {
    if (k + 2 * i < end) bytes[i] = row[k / 2 + i];
  }
  char4 word = char4(0);
  for (uint i = 0; i < 4; i++) {
    const int byte = bytes[i / 2];
    if (k + i < end) word[i] = char(i % 2 == 0 ? (byte << 28) >> 28 : byte >> 4);
  }
  return word;
}

// Four elements of an operand that follow one another.
template <typename Operand>
inline void set_word(thread Operand &operand, ushort i, char4 word) {
#pragma clang loop unroll(full)
  for (ushort j = 0; j < 4; j++) operand[4 * i + j] = word[j];
}

inline uint magnitude_bits(float x) { return as_type<uint>(x) & 0x7fffffff; }
inline uint mantissa(float x) { return (as_type<uint>(x) & 0x007fffff) | 0x00800000; }

// a * b of normal numbers, their product being the smallest normal one or less: with integers, which nothing flushes.
inline float tiny_product(float a, float b) {
  const ulong product = ulong(mantissa(a)) * mantissa(b);
  // How many of its bits lie below 2^-149.
  const uint cut = 151 - (magnitude_bits(a) >> 23) - (magnitude_bits(b) >> 23);
  const ulong rounded = cut > 48 ? 0 : (product + (1ul << (cut - 1)) - 1 + ((product >> cut) & 1)) >> cut;
  return as_type<float>(((as_type<uint>(a) ^ as_type<uint>(b)) & 0x80000000) | uint(rounded));
}

// a * b of numbers that are not subnormal.
inline float exact_product(float a, float b) {
  const float product = a * b;
  const bool is_kept = magnitude_bits(product) > 0x00800000 || magnitude_bits(a) == 0 || magnitude_bits(b) == 0;
  return is_kept ? product : tiny_product(a, b);
}

[[kernel, max_total_threads_per_threadgroup(THREADS)]] void
gemm(device const int8_t *x [[buffer(0)]], device const int8_t *weight [[buffer(1)]], device float *out [[buffer(2)]],
     constant Sizes &sizes [[buffer(3)]], device const float *x_scales [[buffer(4)]],
     device const float *weight_scales [[buffer(5)]], uint2 tile [[threadgroup_position_in_grid]],
     uint lane [[thread_index_in_simdgroup]]) {
  const uint first_row = tile.y * TILE_M + lane_row(lane);
  const uint first_column = tile.x * TILE_N + lane_column(lane);
  const uint groups = (sizes.k + sizes.group_size - 1) / sizes.group_size;
  device const int8_t *x_rows[2];
  for (uint i = 0; i < 2; i++) x_rows[i] = x + ulong(min(first_row + 8 * i, sizes.m - 1)) * sizes.x_stride;
  device const int8_t *weight_rows[4];
  for (uint i = 0; i < 4; i++) {
    weight_rows[i] = weight + ulong(min(tile.x * TILE_N + lane_row(lane) + 8 * i, sizes.n - 1)) * sizes.weight_stride;
  }
  // Of the eight columns that a lane has.
  device const float *column_scales[8];
  for (uint i = 0; i < 8; i++) {
    column_scales[i] = weight_scales + ulong(min(first_column + i / 4 * 16 + i % 4, sizes.n - 1)) * groups;
  }

  constexpr auto descriptor =
      matmul2d_descriptor(TILE_M, TILE_N, DEPTH, false, true, false, matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right = product.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto sums = product.get_destination_cooperative_tensor<remove_addrspace_t<decltype(left)>,
                                                         remove_addrspace_t<decltype(right)>, int32_t>();
  float totals[16];
#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) totals[i] = 0.0f;

#pragma clang loop unroll(disable)
  for (uint group = 0; group < groups; group++) {
    const uint end = min((group + 1) * sizes.group_size, sizes.k);
#pragma clang loop unroll(full)
    for (ushort i = 0; i < 16; i++) sums[i] = 0;
    for (uint k = group * sizes.group_size; k < end; k += DEPTH) {
#pragma clang loop unroll(full)
      for (ushort i = 0; i < 2; i++) set_word(left, i, word_before(x_rows[i], k + lane_column(lane), end));
#pragma clang loop unroll(full)
      for (ushort i = 0; i < 4; i++) set_word(right, i, nibbles_before(weight_rows[i], k + lane_column(lane), end));
      product.run(left, right, sums);
    }
#pragma clang loop unroll(full)
    for (ushort i = 0; i < 16; i++) totals[i] += float(sums[i]) * column_scales[i / 8 * 4 + i % 4][group];
  }

#pragma clang loop unroll(full)
  for (ushort i = 0; i < 16; i++) {
    const uint row = first_row + i / 4 % 2 * 8;
    const uint column = first_column + i / 8 * 16 + i % 4;
    if (row < sizes.m && column < sizes.n) {
      out[ulong(row) * sizes.n + column] = exact_product(totals[i], x_scales[row]);
    }
  }
}

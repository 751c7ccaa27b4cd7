// matmul2d with tensors in memory: every element against a plain sum, outside of the extents, both transposes, both modes.
#include <metal_stdlib>
#include <metal_tensor>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

constant constexpr int ANY = static_cast<int>(dynamic_extent);

template <typename T>
using Matrix = tensor<device T, dextents<int32_t, 2>, tensor_inline>;

// By one of the threads; a barrier follows.
template <typename T>
void fill(uint index, device T *values, uint count, uint seed) {
  for (uint i = 0; index == 0 && i < count; i++) {
    seed = seed * 1664525 + 1013904223;
    values[i] = T(int(seed >> 24) - 128);
  }
}

// Row-major A[m][k] or A[k][m], with so many elements between rows.
template <typename T>
int at(device const T *values, int stride, bool transposed, int row, int column) {
  return transposed ? int(values[column * stride + row]) : int(values[row * stride + column]);
}

// 20 x 40 times 40 x 24, in tiles of 32 x 32: the last rows and columns of a tile lie outside.
template <bool transpose_left, bool transpose_right, typename Left, typename Right, typename Out, typename Scope>
void check_product(device uint *failures, uint index, device Left *left, device Right *right, device Out *out) {
  constexpr int m = 20, n = 24, k = 40, left_stride = 43, right_stride = 45;
  fill(index, left, 64 * 64, 1);
  fill(index, right, 64 * 64, 2);
  for (int i = 0; index == 0 && i < 32 * 32; i++) out[i] = Out(77);
  threadgroup_barrier(mem_flags::mem_device);
  Matrix<Left> a(left, transpose_left ? dextents<int32_t, 2>(m, k) : dextents<int32_t, 2>(k, m),
                 array<int32_t, 2>{1, left_stride});
  Matrix<Right> b(right, transpose_right ? dextents<int32_t, 2>(k, n) : dextents<int32_t, 2>(n, k),
                  array<int32_t, 2>{1, right_stride});
  Matrix<Out> c(out, dextents<int32_t, 2>(n, m), array<int32_t, 2>{1, 32});
  constexpr auto descriptor = matmul2d_descriptor(32, 32, ANY, transpose_left, transpose_right, false,
                                                  matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, Scope> product;
  auto sums = product.template get_destination_cooperative_tensor<remove_addrspace_t<decltype(a)>,
                                                                  remove_addrspace_t<decltype(b)>, Out>();
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (sums.is_valid_element(i)) sums[i] = Out(1000);
  }
  product.run(a, b, sums);
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (!sums.is_valid_element(i)) continue;
    const auto place = sums.get_multidimensional_index(i);
    int expected = 1000;
    for (int j = 0; j < k && place[1] < m && place[0] < n; j++) {
      expected += at(left, left_stride, transpose_left, place[1], j) *
                  at(right, right_stride, transpose_right, j, place[0]);
    }
    EXPECT(sums[i] == Out(expected));
  }
  sums.store(c);
  threadgroup_barrier(mem_flags::mem_device);
  for (int row = 0; row < 32; row++) {
    for (int column = 0; column < 32; column++) {
      EXPECT((out[row * 32 + column] == Out(77)) == (row >= m || column >= n));
    }
  }
  threadgroup_barrier(mem_flags::mem_device);
  product.run(a, b, c);
  EXPECT(out[0] != sums[0] || out[32 * m] == Out(77));
  threadgroup_barrier(mem_flags::mem_device);
}

#define PRODUCTS(name, Left, Right, Out, simdgroups)                                                                   \
  kernel void name(device uint *failures [[buffer(0)]], device Left *left [[buffer(1)]],                               \
                   device Right *right [[buffer(2)]], device Out *out [[buffer(3)]],                                   \
                   uint index [[thread_index_in_threadgroup]]) {                                                       \
    check_product<false, false, Left, Right, Out, execution_simdgroups<simdgroups>>(failures, index, left, right, out);       \
    check_product<false, true, Left, Right, Out, execution_simdgroups<simdgroups>>(failures, index, left, right, out);        \
    check_product<true, false, Left, Right, Out, execution_simdgroups<simdgroups>>(failures, index, left, right, out);        \
    check_product<true, true, Left, Right, Out, execution_simdgroups<simdgroups>>(failures, index, left, right, out);         \
  }
PRODUCTS(int8_products, int8_t, int8_t, int32_t, 1)
PRODUCTS(int8_products_4, int8_t, int8_t, int32_t, 4)
PRODUCTS(half_products, half, half, float, 1)
PRODUCTS(mixed_products, bfloat, int8_t, float, 2)

// Sums wrap; multiply overwrites; a step of a K of its own; memory as destination.
kernel void modes(device uint *failures [[buffer(0)]], device int8_t *left [[buffer(1)]],
                  device int8_t *right [[buffer(2)]], device int32_t *out [[buffer(3)]],
                  uint index [[thread_index_in_threadgroup]]) {
  for (int i = 0; index == 0 && i < 16 * 32; i++) {
    left[i] = 1;
    right[i] = 2;
    out[i / 2] = INT_MAX;
  }
  tensor<device int8_t, extents<int32_t, 32, 16>, tensor_inline> a(left, extents<int32_t, 32, 16>());
  tensor b(right, dextents<int32_t, 2>(32, 16));
  tensor c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto adds = matmul2d_descriptor(16, 16, 32, false, true, true, matmul2d_descriptor::mode::multiply_accumulate);
  threadgroup_barrier(mem_flags::mem_device);
  matmul2d<adds, execution_simdgroup> add;
  add.run(a, b, c);
  EXPECT(out[7] == INT_MIN + 63);
  threadgroup_barrier(mem_flags::mem_device);
  constexpr auto replaces = matmul2d_descriptor(16, 16, 32, false, true);
  matmul2d<replaces, execution_simdgroup> replace;
  replace.run(a, b, c);
  EXPECT(out[7] == 64 && out[255] == 64);
}

// Slices: the rest of a tensor, and a part of fixed size.
kernel void slices(device uint *failures [[buffer(0)]], device int8_t *left [[buffer(1)]],
                   device int8_t *right [[buffer(2)]], device int32_t *out [[buffer(3)]],
                   uint index [[thread_index_in_threadgroup]]) {
  fill(index, left, 64 * 64, 3);
  fill(index, right, 64 * 64, 4);
  threadgroup_barrier(mem_flags::mem_device);
  Matrix<int8_t> a(left, dextents<int32_t, 2>(48, 20)), b(right, dextents<int32_t, 2>(48, 40));
  auto a_rest = a.slice(16, 8);
  auto b_part = b.slice<32, 16>(16, 24);
  EXPECT(a_rest.get_extent(0) == 32 && a_rest.get_extent(1) == 12 && a_rest.get_stride(1) == 48);
  Matrix<int32_t> c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, 32, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  product.run(a_rest, b_part, c);
  for (int row = 0; row < 16; row++) {
    int expected = 0;
    for (int j = 0; j < 32 && row < 12; j++) expected += left[(row + 8) * 48 + 16 + j] * right[(3 + 24) * 48 + 16 + j];
    EXPECT(out[row * 16 + 3] == expected);
  }
}

// Nibbles: the even k in the low half, two's complement or unsigned.
template <typename Left, typename Nibble>
void check_nibbles(device uint *failures, uint index, device Left *left, device uchar *right, device int32_t *out, int sign) {
  constexpr int k = 96;
  fill(index, left, 16 * k, 5);
  fill(index, right, 16 * k / 2, 6);
  threadgroup_barrier(mem_flags::mem_device);
  Matrix<Left> a(left, dextents<int32_t, 2>(k, 16));
  tensor<device Nibble, dextents<int32_t, 2>, tensor_inline> b(right, dextents<int32_t, 2>(k, 13));
  Matrix<int32_t> c(out, dextents<int32_t, 2>(16, 16));
  constexpr auto descriptor = matmul2d_descriptor(16, 16, ANY, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  product.run(a, b, c);
  for (int column = 0; column < 16; column++) {
    int expected = 0;
    for (int j = 0; j < k && column < 13; j++) {
      const uchar pair = right[(column * k + j) / 2];
      const int nibble = j % 2 == 0 ? pair & 15 : pair >> 4;
      expected += left[9 * k + j] * (nibble >= sign ? nibble - 16 : nibble);
    }
    EXPECT(out[9 * 16 + column] == expected);
  }
  threadgroup_barrier(mem_flags::mem_device);
}
kernel void nibbles(device uint *failures [[buffer(0)]], device int8_t *left [[buffer(1)]],
                    device uchar *right [[buffer(2)]], device int32_t *out [[buffer(3)]],
                    uint index [[thread_index_in_threadgroup]]) {
  check_nibbles<int8_t, int4b_format>(failures, index, left, right, out, 8);
  check_nibbles<uint8_t, uint4b_format>(failures, index, reinterpret_cast<device uint8_t *>(left), right, out, 16);
}

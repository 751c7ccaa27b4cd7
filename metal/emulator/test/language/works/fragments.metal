// Cooperative tensors: what get_multidimensional_index says, is_valid_element and operator[] agree, under any layout; a
// product of two of them; the table of Apple10.
#include <metal_stdlib>
#include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
using namespace metal;
using namespace mpp::tensor_ops;

#define EXPECT(condition) if (!(condition) && failures[0] < 60) failures[++failures[0]] = __LINE__

// Each element of the matrix is in one place.
template <typename T>
void check_cover(device uint *failures, thread T &matrix, int rows, int columns, threadgroup int *seen, uint lane) {
  for (int i = lane; i < rows * columns; i += 32) seen[i] = 0;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint turn = 0; turn < 32; turn++) {
    for (ushort i = 0; turn == lane && i < matrix.get_capacity(); i++) {
      if (!matrix.is_valid_element(i)) continue;
      const auto at = matrix.get_multidimensional_index(i);
      EXPECT(at[0] >= 0 && at[0] < columns && at[1] >= 0 && at[1] < rows);
      seen[at[1] * columns + at[0]] += 1;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
  }
  for (int i = lane; i < rows * columns; i += 32) EXPECT(seen[i] == 1);
  threadgroup_barrier(mem_flags::mem_threadgroup);
}

template <int m, int n, int k, bool transpose_left, bool transpose_right>
void check_shape(device uint *failures, threadgroup int *seen, uint lane) {
  constexpr auto descriptor = matmul2d_descriptor(m, n, k, transpose_left, transpose_right, true,
                                                  matmul2d_descriptor::mode::multiply_accumulate);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.template get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right = product.template get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto sums = product.template get_destination_cooperative_tensor<remove_addrspace_t<decltype(left)>,
                                                                  remove_addrspace_t<decltype(right)>, int32_t>();
  check_cover(failures, left, transpose_left ? k : m, transpose_left ? m : k, seen, lane);
  check_cover(failures, right, transpose_right ? n : k, transpose_right ? k : n, seen, lane);
  check_cover(failures, sums, m, n, seen, lane);
  // a[m][k] = m - 2 k, b[k][n] = k + 3 n, c[m][n] = m n
  for (ushort i = 0; i < left.get_capacity(); i++) {
    const auto at = left.get_multidimensional_index(i);
    if (left.is_valid_element(i)) left[i] = transpose_left ? at[0] - 2 * at[1] : at[1] - 2 * at[0];
  }
  for (ushort i = 0; i < right.get_capacity(); i++) {
    const auto at = right.get_multidimensional_index(i);
    if (right.is_valid_element(i)) right[i] = transpose_right ? at[0] + 3 * at[1] : at[1] + 3 * at[0];
  }
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    const auto at = sums.get_multidimensional_index(i);
    if (sums.is_valid_element(i)) sums[i] = at[0] * at[1];
  }
  product.run(left, right, sums);
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (!sums.is_valid_element(i)) continue;
    const auto at = sums.get_multidimensional_index(i);
    int expected = at[0] * at[1];
    for (int j = 0; j < k; j++) expected += int8_t(at[1] - 2 * j) * int8_t(j + 3 * at[0]);
    EXPECT(sums[i] == expected);
  }
}

kernel void any_layout(device uint *failures [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  threadgroup int seen[32 * 32];
  check_shape<16, 32, 16, false, true>(failures, seen, lane);
  check_shape<16, 32, 16, false, false>(failures, seen, lane);
  check_shape<16, 32, 16, true, true>(failures, seen, lane);
  check_shape<16, 32, 32, false, true>(failures, seen, lane);
  check_shape<32, 32, 16, false, true>(failures, seen, lane);
  check_shape<32, 32, 32, true, false>(failures, seen, lane);
  check_shape<32, 16, 32, false, true>(failures, seen, lane);
}

// The published map of family Apple10, written out.
kernel void apple10(device uint *failures [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  const int fm = 4 * ((lane >> 4) & 1) + 2 * ((lane >> 2) & 1) + ((lane >> 1) & 1);
  const int fn = 4 * (2 * ((lane >> 3) & 1) + (lane & 1));
  constexpr auto transposed = matmul2d_descriptor(16, 32, 32, false, true);
  constexpr auto plain = matmul2d_descriptor(16, 32, 16, false, false);
  constexpr auto large = matmul2d_descriptor(32, 32, 32, false, true);
  matmul2d<transposed, execution_simdgroup> first;
  matmul2d<plain, execution_simdgroup> second;
  matmul2d<large, execution_simdgroup> third;
  auto left = first.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right = first.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right_plain = second.get_right_input_cooperative_tensor<half, half, float>();
  auto left_large = third.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto right_large = third.get_right_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto sums = third.get_destination_cooperative_tensor<remove_addrspace_t<decltype(left_large)>,
                                                       remove_addrspace_t<decltype(right_large)>, int32_t>();
  EXPECT(left.get_capacity() == 16 && right.get_capacity() == 32 && right_plain.get_capacity() == 16);
  EXPECT(sums.get_capacity() == 32);
  for (ushort i = 0; i < 16; i++) {
    const auto at = left.get_multidimensional_index(i);
    EXPECT(at[1] == fm + 8 * ((i >> 2) & 1) && at[0] == fn + (i & 3) + 16 * (i >> 3) && left.is_valid_element(i));
    const auto other = right_plain.get_multidimensional_index(i);
    EXPECT(other[0] == fn + (i & 3) + 16 * (i >> 3) && other[1] == fm + 8 * ((i >> 2) & 1));
  }
  for (ushort i = 0; i < 32; i++) {
    const auto at = right.get_multidimensional_index(i);
    EXPECT(at[1] == fm + 8 * ((i >> 2) & 1) + 16 * ((i >> 3) & 1) && at[0] == fn + (i & 3) + 16 * (i >> 4));
    const auto sum = sums.get_multidimensional_index(i);
    EXPECT(sum[0] == fn + (i & 3) + 16 * ((i >> 3) & 1) && sum[1] == fm + 8 * ((i >> 2) & 1) + 16 * (i >> 4));
  }
  EXPECT(!left.is_valid_element(16));
}

// Before Apple10: pairs of columns, 8 apart.
kernel void pairs(device uint *failures [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  constexpr auto descriptor = matmul2d_descriptor(16, 32, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  EXPECT(left.get_capacity() == 8);
  const int column = left.get_multidimensional_index(0)[0];
  for (ushort i = 0; i < 8; i++) {
    EXPECT(left.get_multidimensional_index(i)[0] == column + (i & 1) + 8 * ((i >> 1) & 1));
  }
  EXPECT(lane != 0 || column == 0);
  EXPECT(lane != 1 || column == 2);
}

// Layouts that are not made of fragments have places that hold nothing, so a kernel has to ask.
kernel void has_invalid_elements(device uint *failures [[buffer(0)]], uint lane [[thread_index_in_simdgroup]]) {
  constexpr auto descriptor = matmul2d_descriptor(16, 32, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  uint invalid = 0;
  for (ushort i = 0; i < left.get_capacity(); i++) invalid += left.is_valid_element(i) ? 0 : 1;
  EXPECT(simd_sum(invalid) > 0);
}

// Of a group of simdgroups, under every layout.
kernel void group_has_invalid_elements(device uint *failures [[buffer(0)]], device int8_t *left [[buffer(1)]],
                                       device int8_t *right [[buffer(2)]]) {
  tensor a(left, dextents<int32_t, 2>(32, 64)), b(right, dextents<int32_t, 2>(32, 64));
  constexpr auto descriptor = matmul2d_descriptor(64, 64, 32, false, true);
  matmul2d<descriptor, execution_simdgroups<4>> product;
  auto sums = product.get_destination_cooperative_tensor<remove_addrspace_t<decltype(a)>,
                                                         remove_addrspace_t<decltype(b)>, int32_t>();
  threadgroup atomic_uint invalid;
  atomic_store_explicit(&invalid, 0, memory_order_relaxed);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (ushort i = 0; i < sums.get_capacity(); i++) {
    if (!sums.is_valid_element(i)) atomic_fetch_add_explicit(&invalid, 1, memory_order_relaxed);
  }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  EXPECT(atomic_load_explicit(&invalid, memory_order_relaxed) > 0);
}

// A tensor that nobody wrote holds neither zeros nor what is useful.
kernel void poisoned(device uint *failures [[buffer(0)]]) {
  constexpr auto descriptor = matmul2d_descriptor(16, 32, 16, false, true);
  matmul2d<descriptor, execution_simdgroup> product;
  auto left = product.get_left_input_cooperative_tensor<int8_t, int8_t, int32_t>();
  auto floats = product.get_left_input_cooperative_tensor<half, half, float>();
  for (ushort i = 0; i < 8; i++) EXPECT(left[i] != 0 && isnan(float(floats[i])));
}

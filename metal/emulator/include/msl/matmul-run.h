// What the lanes of a scope do together in matmul2d::run.
#pragma once

#include "matmul-gather.h"
#include "matmul-product.h"
#include "matmul-rules.h"

namespace emulator {

inline constexpr int MAX_MATMUL_LANES = 1024;
inline constexpr int K_BLOCK = 512; // so much of both operands stays in a cache

template <class A, class B, class C>
struct MatmulSlot {
  A *left;
  B *right;
  C *destination;
};

template <class X>
bool is_same_tensor(const X &a, const X &b) {
  bool is_same = a.data == b.data;
  for (int i = 0; i < X::rank; i++) {
    is_same = is_same && a.strides[i] == b.strides[i] && a.get_extent(i) == b.get_extent(i);
  }
  return is_same;
}

template <class X>
void check_same(X *const *lanes, uint32_t count, const char *operand) {
  if constexpr (is_tensor<X>) {
    for (uint32_t lane = 1; lane < count; lane++) {
      if (!is_same_tensor(*lanes[0], *lanes[lane])) {
        emulator_diagnose("the %s tensor of lane %u is not that of lane 0", operand, lane);
        return;
      }
    }
  }
}

// Sum modulo 2^32 of integers, or one more rounding.
template <bool accumulate, class T, class Sum>
EMULATOR_INLINE T finished(Sum sum, T before) {
  return T(accumulate ? Sum(sum + Sum(before)) : sum);
}

// sums[m][n] into the destination, added to what it holds or instead of it.
template <int m, int n, bool accumulate, class C, class Sum>
void finish(C *const *lanes, const Sum *sums) {
  using T = typename C::element_type;
  if constexpr (is_tensor<C>) {
    const C &tensor = *lanes[0];
    const int rows = reach(tensor, 1, m), columns = reach(tensor, 0, n);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        T &element = tensor.data[offset_of(tensor, row, column)];
        element = finished<accumulate>(sums[row * n + column], accumulate ? element : T(0));
      }
    }
  } else {
    const auto &table = C::table();
    bool is_written = true;
    for (int lane = 0; lane < C::Table::lanes; lane++) {
      T *elements = lanes[lane]->elements;
      for (int i = 0; i < table.capacity; i++) {
        const int32_t offset = table.offsets[lane][i];
        if (accumulate && is_poison(elements[i]) && offset < m * n) is_written = false;
        elements[i] = finished<accumulate>(sums[offset], elements[i]);
      }
    }
    if (!is_written) emulator_diagnose("matmul2d adds to elements of the destination that nobody has written");
  }
}

template <mpp::tensor_ops::matmul2d_descriptor descriptor, class A, class B, class C>
void run_matmul(void **slots, uint32_t count) {
  using Product = typename ProductFor<typename C::element_type>::Type;
  using Operand = typename Product::Operand;
  using Sum = typename Product::Sum;
  constexpr int m = descriptor.m, n = descriptor.n;
  constexpr bool left_k_innermost = !descriptor.transpose_left, right_k_innermost = descriptor.transpose_right;

  A *lefts[MAX_MATMUL_LANES];
  B *rights[MAX_MATMUL_LANES];
  C *destinations[MAX_MATMUL_LANES];
  for (uint32_t lane = 0; lane < count; lane++) {
    const auto &slot = *static_cast<MatmulSlot<A, B, C> *>(slots[lane]);
    lefts[lane] = slot.left;
    rights[lane] = slot.right;
    destinations[lane] = slot.destination;
  }
  check_same(lefts, count, "left");
  check_same(rights, count, "right");
  check_same(destinations, count, "destination");

  int k = descriptor.k;
  if constexpr (descriptor.has_dynamic_k()) {
    k = lefts[0]->get_extent(left_k_innermost ? 0 : 1);
    const int other = rights[0]->get_extent(right_k_innermost ? 0 : 1);
    if (k != other) emulator_diagnose("K is %d in the left tensor and %d in the right one", k, other);
    if (is_packed<typename B::element_type> && k % 32 != 0) {
      emulator_diagnose("K is %d, with elements of 4 bits a multiple of 32 is needed", k);
    }
  }
  const int block = k < K_BLOCK ? (k + 15) / 16 * 16 : K_BLOCK;
  // Each with one element more, see gather_lanes.
  Sum *sums =
      static_cast<Sum *>(__builtin_malloc((m * n + 1) * sizeof(Sum) + (size_t(m + n) * block + 2) * sizeof(Operand)));
  Operand *a = reinterpret_cast<Operand *>(sums + m * n + 1), *b = a + m * block + 1;
  for (int i = 0; i <= m * n; i++) sums[i] = 0;
  for (int first = 0; first < k; first += block) {
    const int size = k - first < block ? k - first : block;
    const Block<Operand> left = {a, m, size, block, 1};
    const Block<Operand> right = {b, n, size, Product::right_along_k ? block : 1, Product::right_along_k ? 1 : n};
    if constexpr (is_tensor<A>) {
      gather_tensor<left_k_innermost>(*lefts[0], first, left);
    } else {
      gather_lanes<left_k_innermost>(lefts, left);
    }
    if constexpr (is_tensor<B>) {
      gather_tensor<right_k_innermost>(*rights[0], first, right);
    } else {
      gather_lanes<right_k_innermost>(rights, right);
    }
    Product::template add<m, n>(a, b, sums, size, block);
  }
  constexpr bool accumulate = descriptor.matmul_mode == mpp::tensor_ops::matmul2d_descriptor::mode::multiply_accumulate;
  finish<m, n, accumulate>(destinations, sums);
  __builtin_free(sums);
}

} // namespace emulator

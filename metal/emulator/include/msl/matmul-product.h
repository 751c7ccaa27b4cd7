// The arithmetic of matmul2d on matrices that were gathered: integers exactly and modulo 2^32, floats in float with K
// ascending. Both operands are read along K for integers; the right one along N for floats.
#pragma once

#include "shape.h"

namespace emulator {

// Private memory: nothing in it can be a race or out of bounds, and the inner loops take all the time.
#define EMULATOR_PRIVATE_LOOP __attribute__((noinline, no_sanitize("address", "thread", "undefined")))

struct IntegerProduct {
  using Operand = int16_t;
  using Sum = uint32_t;
  static constexpr bool right_along_k = true;

  // c[m][n] += a[m][k] b[n][k]
  template <int m, int n>
  static EMULATOR_PRIVATE_LOOP void add(const Operand *a, const Operand *b, Sum *c, int k, int stride) {
    for (int row = 0; row < m; row++) {
      const Operand *left = a + row * stride;
      for (int column = 0; column < n; column += 4) {
        const Operand *right = b + column * stride;
        Sum sums[4] = {0, 0, 0, 0};
        for (int i = 0; i < k; i++) {
          sums[0] += Sum(int32_t(left[i]) * int32_t(right[i]));
          sums[1] += Sum(int32_t(left[i]) * int32_t(right[stride + i]));
          sums[2] += Sum(int32_t(left[i]) * int32_t(right[2 * stride + i]));
          sums[3] += Sum(int32_t(left[i]) * int32_t(right[3 * stride + i]));
        }
        for (int i = 0; i < 4; i++) c[row * n + column + i] += sums[i];
      }
    }
  }
};

struct FloatProduct {
  using Operand = float;
  using Sum = float;
  static constexpr bool right_along_k = false;

  // c[m][n] += a[m][k] b[k][n]
  template <int m, int n>
  static EMULATOR_PRIVATE_LOOP void add(const Operand *a, const Operand *b, Sum *c, int k, int stride) {
#pragma clang fp contract(off)
    for (int row = 0; row < m; row++) {
      for (int i = 0; i < k; i++) {
        const float left = a[row * stride + i];
        for (int column = 0; column < n; column++) c[row * n + column] += left * b[i * n + column];
      }
    }
  }
};

template <class Destination>
struct ProductFor {
  using Type = FloatProduct;
};
template <>
struct ProductFor<int32_t> {
  using Type = IntegerProduct;
};

} // namespace emulator

// What an instruction set supplies for matrices in f64, by docs/numerics.md section 7: each product, sum and quotient
// is rounded by itself, so that all of them give the same bits. double-gemm.cpp, inverse-factor.cpp and hadamard.cpp
// drive it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel-table.h"

namespace cider {

// c [rows, panel] += tile [rows, depth] · panel [depth, panel], a product at a time, depth ascending.
struct DoubleProduct {
  const double *tile; // [depth, rows]
  const double *panel;
  uint32_t depth;
  double *c;
  size_t c_stride; // numbers from row to row
};
using MultiplyDoubles = void (*)(const DoubleProduct &product);

struct DoubleKernels {
  uint32_t panel;
  uint32_t tile_rows;
  const MultiplyDoubles *multiply; // [tile_rows + 1], by rows

  // x [size, panel] becomes the solution of l · solution = x, l lower triangular. One tile of up to tile_rows rows of l
  // follows the other, each up to its last diagonal element as [depth, rows]: below the diagonal -l, on it l.
  void (*solve)(const double *l, uint32_t size, double *x);

  // (u, v) = (u + v, u - v) for the elements u, v of a row that lie so far apart, which divides half of the columns.
  void (*butterflies)(double *row, size_t columns, size_t apart);
  // x = x / divisor
  void (*divide)(double *x, size_t count, double divisor);
};

// No instruction set has larger panels or tiles.
constexpr uint32_t MAX_DOUBLE_PANEL = 16;
constexpr uint32_t MAX_DOUBLE_TILE_ROWS = 16;

} // namespace cider

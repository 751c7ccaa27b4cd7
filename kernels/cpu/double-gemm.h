// Sums of products of f64 matrices, the bits of docs/numerics.md section 7.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct DoubleKernels;

// c [m, n] += factor · a [m, k] · b [k, n]: c = c + (factor · a) · b for each k, ascending.
struct MultiplyAddArgs {
  double *c; // apart from a and b
  const double *a, *b;
  size_t c_stride, a_stride, b_stride; // numbers from row to row
  uint32_t m, n, k;
  bool transpose_b; // b is [n, k]
  double factor;
  void *scratch; // multiply_add_scratch_bytes
};
size_t multiply_add_scratch_bytes(const DoubleKernels &kernels, uint32_t n, uint32_t k, uint32_t threads);
void multiply_add(const DoubleKernels &kernels, ThreadPool &pool, const MultiplyAddArgs &args);

} // namespace cider

// Products of rows with Hadamard matrices, the bits of docs/numerics.md section 7.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct DoubleKernels;

// Each row of x [rows, columns] becomes row · (H ⊗ base) / sqrt(columns): H is Sylvester's of the order columns /
// order, a power of two, base [order, order] of 1 and -1.
struct HadamardArgs {
  double *x;
  size_t stride; // numbers from row to row
  uint32_t rows, columns, order;
  const int8_t *base;
  void *scratch; // hadamard_scratch_bytes
};
size_t hadamard_scratch_bytes(const DoubleKernels &kernels, uint32_t order, uint32_t threads);
void hadamard(const DoubleKernels &kernels, ThreadPool &pool, const HadamardArgs &args);

} // namespace cider

// Factors of inverses of f64 matrices, the bits of docs/numerics.md section 7.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct DoubleKernels;

// h [n, n], symmetric and positive definite, of which the lower triangle is read, becomes upper triangular U with
// Uᵀ · U = h⁻¹. Returns -1, or the index of the first pivot that is not positive and finite; h is garbage then.
struct InverseFactorArgs {
  double *h;
  size_t stride; // numbers from row to row
  uint32_t n;
  void *scratch; // inverse_factor_scratch_bytes
};
size_t inverse_factor_scratch_bytes(const DoubleKernels &kernels, uint32_t n, uint32_t threads);
int64_t inverse_factor(const DoubleKernels &kernels, ThreadPool &pool, const InverseFactorArgs &args);

} // namespace cider

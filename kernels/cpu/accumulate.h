// Sums of products of activations: f32 within a call, f64 over calls.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

// sum [p, n] += yᵀ · x. Where y is x, what is above the diagonal is computed and added below it too.
struct AccumulateArgs {
  double *sum;
  size_t stride;  // numbers from row to row
  const float *y; // [count, p]
  const float *x; // [count, n]
  uint32_t count, p, n;
  void *scratch; // accumulate_scratch_bytes, for which it need not be known
};
size_t accumulate_scratch_bytes(const FloatKernels &kernels, const AccumulateArgs &args, uint32_t threads);
void accumulate(const FloatKernels &kernels, ThreadPool &pool, const AccumulateArgs &args);

} // namespace cider

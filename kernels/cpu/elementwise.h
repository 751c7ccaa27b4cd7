// Operations on equal elements of two vectors.
#pragma once

#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

struct ElementwiseArgs {
  const float *a; // [count]
  const float *b; // [count]
  float *out;     // [count]; may be a or b
  uint64_t count;
};
// out = a · sigmoid(a) · b
void silu_mul(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args);
// out = gelu(a) · b by the tanh approximation
void gelu_tanh_mul(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args);
// out = a + b
void add(const FloatKernels &kernels, ThreadPool &pool, const ElementwiseArgs &args);

// x [count] = cap · tanh(x / cap), cap > 0
void soft_cap(const FloatKernels &kernels, ThreadPool &pool, float *x, uint64_t count, float cap);

} // namespace cider

// Negative log-likelihood of tokens, over blocks of logits of which only one a thread exists at a time.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "float-linear.h"
#include "integer-linear.h"

namespace cider {

struct Kernels;

// The layer that makes logits [rows, N] of x [rows, K].
struct FloatHead {
  FloatShape shape;
  const void *packed; // as dense_pack or affine_pack left it
};
struct IntegerHead {
  IntegerShape shape;
  const void *packed; // as integer_pack left it
};

struct CrossEntropyArgs {
  const float *x;         // [rows, K]
  const int32_t *targets; // [rows], 0 … N - 1, or -1 for a row that is not scored
  double *losses;         // [rows]: log Σ exp(logits) - logit of the target, in nats; 0 where not scored
  uint32_t rows;
  float soft_cap; // logits become soft_cap · tanh(logit / soft_cap); 0: they stay
  void *scratch;  // [cross_entropy_scratch_bytes]
};

// No alignment is asked of x and scratch. An integer head quantizes activations also of a single row.
size_t cross_entropy_scratch_bytes(const Kernels &kernels, const FloatHead &head, uint32_t rows, uint32_t threads);
size_t cross_entropy_scratch_bytes(const Kernels &kernels, const IntegerHead &head, uint32_t rows, uint32_t threads);
void cross_entropy(const Kernels &kernels, ThreadPool &pool, const FloatHead &head, const CrossEntropyArgs &args);
void cross_entropy(const Kernels &kernels, ThreadPool &pool, const IntegerHead &head, const CrossEntropyArgs &args);

} // namespace cider

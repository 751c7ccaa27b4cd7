// Rows of a packed table of floats, scaled.
#pragma once

#include <stdint.h>

#include "float-linear.h"

namespace cider {

struct EmbeddingArgs {
  FloatShape shape;         // of the table, dense
  const void *packed;       // as dense_pack left it; a bias is not added
  const int32_t *token_ids; // [count], 0 … N - 1
  uint32_t count;
  float scale;
  float *out; // [count, K]
};
void embedding(const FloatKernels &kernels, ThreadPool &pool, const EmbeddingArgs &args);

} // namespace cider

// One row of float activations with integer weights of random contents, compared with doubles.
#pragma once

#include "launcher.h"

namespace cider::test {

struct VectorShape {
  uint32_t n, k;
  uint32_t bits, group_size; // 0: a scale a channel
  uint32_t row_padding;      // bytes behind each row of weights
};

// If `special` is less than K, x[special] is a value that is not finite, and no output may be.
void check_vector(Kernels &kernels, uint64_t seed, const VectorShape &shape, uint32_t special, float value);

} // namespace cider::test

// Root mean square normalization.
#pragma once

#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

struct RmsNormArgs {
  const float *x;    // [rows, columns]
  const float *gain; // [columns]
  float *out;        // [rows, columns] = x / sqrt(mean(x²) + epsilon) · gain; may be x
  uint32_t rows, columns;
  float epsilon;
};
void rms_norm(const FloatKernels &kernels, ThreadPool &pool, const RmsNormArgs &args);

} // namespace cider

// Rotary position embedding, halves of a head against each other as Hugging Face's layout has them.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

struct RopeArgs {
  float *x;                         // [rows, columns], columns / head_dim heads, rotated in place
  const float *inverse_frequencies; // [head_dim / 2]
  uint32_t rows, columns;
  uint32_t head_dim; // even
  uint32_t first_position;
  float attention_factor; // cos and sin are multiplied by it
  void *scratch;          // [rope_scratch_bytes], any alignment
};
size_t rope_scratch_bytes(uint32_t head_dim, uint32_t threads);
void rope(const FloatKernels &kernels, ThreadPool &pool, const RopeArgs &args);

} // namespace cider

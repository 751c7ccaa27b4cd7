// Tokens from logits.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

// token_ids [rows] = index of the largest logit of each row of logits [rows, columns], columns ≥ 1. Ties go to the
// smaller index; NaN is never the largest of several.
void argmax(const FloatKernels &kernels, ThreadPool &pool, const float *logits, uint32_t rows, uint32_t columns,
            int32_t *token_ids);

struct SampleArgs {
  const float *logits; // [columns]
  uint32_t columns;
  float temperature; // 0: the largest logit
  uint32_t top_k;    // 0: all
  float top_p;       // in (0, 1]
  double random;     // in [0, 1)
  void *scratch;     // [sample_scratch_bytes], any alignment
};
size_t sample_scratch_bytes(uint32_t columns);

// The `top_k` largest logits, divided by the temperature and made probabilities, of which the fewest that reach `top_p`
// together are kept; `random` picks along their cumulative sum, largest first. -1 if a logit is NaN, or the largest not
// finite.
int32_t sample(const FloatKernels &kernels, const SampleArgs &args);

} // namespace cider

#include "rope.h"

#include "float-kernels.h"
#include "sizes.h"
#include "thread-pool.h"

namespace cider {

// Cosines and sines of a row, for each thread.
size_t rope_scratch_bytes(uint32_t head_dim, uint32_t threads) {
  return ALIGNMENT + size_t{threads} * align_up(head_dim * sizeof(float));
}

void rope(const FloatKernels &kernels, ThreadPool &pool, const RopeArgs &args) {
  const auto &[x, inverse_frequencies, rows, columns, head_dim, first_position, attention_factor, scratch] = args;
  const uint32_t half = head_dim / 2;
  char *tables = static_cast<char *>(align_up(scratch));
  parallel(pool, rows, [&](uint32_t row, uint32_t thread) {
    float *cosines = reinterpret_cast<float *>(tables + thread * align_up(head_dim * sizeof(float)));
    float *sines = cosines + half;
    kernels.rotation(inverse_frequencies, first_position + row, attention_factor, half, cosines, sines);
    float *end = x + (size_t{row} + 1) * columns;
    for (float *head = x + size_t{row} * columns; head < end; head += head_dim) {
      kernels.rotate(head, head + half, cosines, sines, half);
    }
  });
}

} // namespace cider

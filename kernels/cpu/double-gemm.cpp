#include "double-gemm.h"

#include "double-blocks.h"
#include "sizes.h"
#include "thread-pool.h"

namespace cider {
namespace {

// k that are multiplied at a time: a panel of so many stays in a second-level cache, and what is summed is seldom
// stored.
constexpr uint32_t BLOCK_DEPTH = 256;
// Columns of b that are packed at a time: they stay in a cache that threads share.
constexpr uint32_t BLOCK_COLUMNS = 2048;
// Panels that a task packs.
constexpr uint32_t PANELS_PER_TASK = 8;

size_t packed_doubles(const DoubleKernels &kernels, uint32_t n, uint32_t k) {
  const size_t panels = divide_up(least(n, BLOCK_COLUMNS), kernels.panel);
  return panels * kernels.panel * least(k, BLOCK_DEPTH);
}

// Panels of `columns` columns of b, whose element [k, j] is b[k · strides.depth + j · strides.lane].
void pack_panels(const DoubleKernels &kernels, ThreadPool &pool, const double *b, Strides strides, uint32_t columns,
                 uint32_t depth, double *panels) {
  const uint32_t per_task = PANELS_PER_TASK * kernels.panel;
  parallel(pool, divide_up(columns, per_task), [&](uint32_t task, uint32_t) {
    const uint32_t end = least(columns, (task + 1) * per_task);
    for (uint32_t column = task * per_task; column < end; column += kernels.panel) {
      gather(b + static_cast<ptrdiff_t>(column) * strides.lane, strides, least(kernels.panel, end - column),
             kernels.panel, depth, 1, panels + size_t{column} * depth);
    }
  });
}

} // namespace

size_t multiply_add_scratch_bytes(const DoubleKernels &kernels, uint32_t n, uint32_t k, uint32_t threads) {
  const size_t tiles = threads * block_scratch_doubles(kernels, least(k, BLOCK_DEPTH));
  return ALIGNMENT + (packed_doubles(kernels, n, k) + tiles) * sizeof(double);
}

void multiply_add(const DoubleKernels &kernels, ThreadPool &pool, const MultiplyAddArgs &args) {
  const auto [c, a, b, c_stride, a_stride, b_stride, m, n, k, transpose_b, factor, scratch] = args;
  double *panels = static_cast<double *>(align_up(scratch));
  double *tiles = panels + packed_doubles(kernels, n, k);
  const auto stride = static_cast<ptrdiff_t>(b_stride);
  const Strides b_strides = transpose_b ? Strides{stride, 1} : Strides{1, stride};
  for (uint32_t column = 0; column < n; column += least(BLOCK_COLUMNS, n - column)) {
    const uint32_t columns = least(BLOCK_COLUMNS, n - column);
    for (uint32_t from = 0; from < k; from += least(BLOCK_DEPTH, k - from)) {
      const uint32_t depth = least(BLOCK_DEPTH, k - from);
      const double *block = b + static_cast<ptrdiff_t>(column) * b_strides.lane + from * b_strides.depth;
      pack_panels(kernels, pool, block, b_strides, columns, depth, panels);
      multiply_blocks(kernels, pool,
                      {
                          .c = c + column,
                          .c_stride = c_stride,
                          .rows = m,
                          .columns = columns,
                          .is_upper = false,
                          .factor = factor,
                          .a = a + from,
                          .a_strides = {static_cast<ptrdiff_t>(a_stride), 1},
                          .panels = panels,
                          .depth = depth,
                          .scratch = tiles,
                      });
    }
  }
}

} // namespace cider

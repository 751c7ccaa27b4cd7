#include "float-linear.h"

#include <math.h>

#include "float-gemm.h"
#include "thread-pool.h"

namespace cider {
namespace {

// So many tasks for each thread even out what one of them loses to another process.
constexpr uint32_t TASKS_PER_THREAD = 4;

// Panels a task, if each panel is taken `times` times: of all sizes that give enough tasks the largest with which the
// busiest thread has least to do.
uint32_t panels_per_task(uint32_t panels, uint32_t times, uint32_t threads) {
  const uint32_t wanted = divide_up(threads * TASKS_PER_THREAD, times);
  uint32_t best = 0;
  uint32_t least_work = UINT32_MAX;
  for (uint32_t step = least(divide_up(panels, wanted), MAX_PANELS); step > 0; step--) {
    const uint32_t work = divide_up(divide_up(panels, step) * times, threads) * step;
    if (work >= least_work) continue;
    best = step;
    least_work = work;
  }
  return best;
}

// x_sums [groups] = Σ x by group; whether all of them are finite.
bool sum_groups(const PackedWeight &weight, const float *x, float *x_sums) {
  bool is_finite = true;
  for (uint32_t group = 0; group < weight.layout.groups; group++) {
    const size_t from = size_t{group} * weight.layout.group_size;
    const size_t left = weight.shape.k - from;
    const size_t count = weight.layout.group_size < left ? weight.layout.group_size : left;
    double partial[4] = {};
    for (size_t i = 0; i < count; i++) partial[i % 4] += x[from + i];
    x_sums[group] = static_cast<float>(partial[0] + partial[1] + partial[2] + partial[3]);
    is_finite &= isfinite(x_sums[group]) != 0;
  }
  return is_finite;
}

// out [N] of a single row x [K].
void multiply_row(const PackedWeight &weight, ThreadPool &pool, const float *x, const float *x_sums, float *out) {
  const auto &[kernels, shape, layout, bias, panels] = weight;
  const MultiplyVector multiply = kernels.multiply_vector[static_cast<uint32_t>(shape.format)];
  const uint32_t step = panels_per_task(layout.panels, 1, pool.threads());
  parallel(pool, divide_up(layout.panels, step), [&](uint32_t task, uint32_t) {
    const uint32_t end = least((task + 1) * step, layout.panels);
    for (uint32_t p = task * step; p < end; p++) {
      float sums[MAX_PANEL];
      multiply(panels + p * layout.panel_bytes, x, x_sums, shape.k, layout.group_size, sums);
      const uint32_t first = p * layout.panel;
      const uint32_t count = least(layout.panel, shape.n - first);
      for (uint32_t i = 0; i < count; i++) out[first + i] = sums[i] + bias[first + i];
    }
  });
}

} // namespace

size_t float_linear_scratch_bytes(const FloatKernels &kernels, const FloatShape &shape, uint32_t rows,
                                  uint32_t threads) {
  const RowLayout layout = row_layout(kernels, shape, rows);
  const size_t chunk = least(rows, rows_per_chunk(layout));
  return ALIGNMENT + align_up(chunk * layout.padded_k * sizeof(float)) +
         threads * gemm_scratch_floats(kernels, layout) * sizeof(float);
}

void float_linear(const FloatKernels &kernels, ThreadPool &pool, const FloatLinearArgs &args) {
  const auto &[shape, packed, x, rows, out, scratch] = args;
  const PackedWeight weight = packed_weight(kernels, shape, packed);
  float *values = static_cast<float *>(align_up(scratch));
  // The kernels of codes for a single row take scale and bias out of the sums, which a NaN or an infinity in x would
  // notice.
  if (rows == 1 && (!is_affine(shape.format) || sum_groups(weight, x, values))) {
    return multiply_row(weight, pool, x, values, out);
  }

  const RowLayout layout = row_layout(kernels, shape, rows);
  const uint32_t chunk = least(rows, rows_per_chunk(layout));
  float *thread_scratch = values + align_up(size_t{chunk} * layout.padded_k * sizeof(float)) / sizeof(float);
  for (uint32_t top = 0; top < rows; top += chunk) {
    const uint32_t count = least(chunk, rows - top);
    const PackedRows tiles = pack_rows(layout, pool, x + size_t{top} * shape.k, count, values);
    const uint32_t blocks = divide_up(tiles.tiles, layout.tiles_per_block);
    const uint32_t step = panels_per_task(weight.layout.panels, blocks, pool.threads());
    parallel(pool, blocks * divide_up(weight.layout.panels, step), [&](uint32_t task, uint32_t thread) {
      const uint32_t block = task % blocks;
      const uint32_t panel = task / blocks * step;
      const Range tile_range = tiles_of_block(tiles, block, blocks);
      const Range panel_range = {panel, least(panel + step, weight.layout.panels)};
      const size_t row = top + first_row(tiles, tile_range.begin);
      multiply_panels(weight, tiles, tile_range, panel_range, out + row * shape.n + size_t{panel} * weight.layout.panel,
                      shape.n, thread_scratch + thread * gemm_scratch_floats(kernels, layout));
    });
  }
}

} // namespace cider

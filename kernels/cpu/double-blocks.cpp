#include "double-blocks.h"

#include "sizes.h"
#include "thread-pool.h"

#include <string.h>

namespace cider {
namespace {

// Numbers in a cache line: rows may be so far apart that lines of several of them do not stay in a cache together.
constexpr uint32_t LINE = 8;

// What a task multiplies, about: rows that stay in a second-level cache as they are packed, and so many columns that
// packing them costs little.
constexpr uint32_t TASK_ROWS = 128;
constexpr uint32_t TASK_COLUMNS = 512;

uint32_t rows_per_task(const DoubleKernels &kernels) { return TASK_ROWS / kernels.tile_rows * kernels.tile_rows; }

struct Rectangle {
  uint32_t first_row, end_row, first_column, end_column;
};

// c of a tile, of which only so many columns exist.
void multiply_edge(MultiplyDoubles multiply, DoubleProduct product, uint32_t rows, uint32_t columns, uint32_t panel) {
  double edge[MAX_DOUBLE_TILE_ROWS * MAX_DOUBLE_PANEL] = {};
  double *c = product.c;
  const size_t c_stride = product.c_stride;
  for (uint32_t i = 0; i < rows; i++) memcpy(edge + i * panel, c + i * c_stride, columns * sizeof(double));
  product.c = edge;
  product.c_stride = panel;
  multiply(product);
  for (uint32_t i = 0; i < rows; i++) memcpy(c + i * c_stride, edge + i * panel, columns * sizeof(double));
}

void multiply_rectangle(const DoubleKernels &kernels, const BlockProduct &product, const Rectangle &part,
                        double *tiles) {
  const uint32_t depth = product.depth;
  for (uint32_t row = part.first_row; row < part.end_row; row += kernels.tile_rows) {
    const double *a = product.a + static_cast<ptrdiff_t>(row) * product.a_strides.lane;
    const uint32_t rows = least(kernels.tile_rows, part.end_row - row);
    gather(a, product.a_strides, rows, rows, depth, product.factor, tiles + size_t{row - part.first_row} * depth);
  }
  for (uint32_t column = part.first_column; column < part.end_column; column += kernels.panel) {
    const uint32_t columns = least(kernels.panel, part.end_column - column);
    for (uint32_t row = part.first_row; row < part.end_row; row += kernels.tile_rows) {
      if (product.is_upper && row >= column + columns) break;
      const uint32_t rows = least(kernels.tile_rows, part.end_row - row);
      const DoubleProduct tile = {
          .tile = tiles + size_t{row - part.first_row} * depth,
          .panel = product.panels + size_t{column} * depth,
          .depth = depth,
          .c = product.c + size_t{row} * product.c_stride + column,
          .c_stride = product.c_stride,
      };
      if (columns == kernels.panel) {
        kernels.multiply[rows](tile);
      } else {
        multiply_edge(kernels.multiply[rows], tile, rows, columns, kernels.panel);
      }
    }
  }
}

} // namespace

void gather(const double *source, Strides strides, uint32_t lanes, uint32_t width, uint32_t depth, double factor,
            double *out) {
  const auto [lane_stride, depth_stride] = strides;
  if (lane_stride == 1) {
    for (uint32_t k = 0; k < depth; k++, source += depth_stride, out += width) {
      for (uint32_t lane = 0; lane < lanes; lane++) out[lane] = factor * source[lane];
      for (uint32_t lane = lanes; lane < width; lane++) out[lane] = 0;
    }
    return;
  }
  for (uint32_t from = 0; from < depth; from += LINE) {
    const uint32_t count = least(LINE, depth - from);
    for (uint32_t lane = 0; lane < width; lane++) {
      const double *line = source + lane * lane_stride + from * depth_stride;
      double *target = out + size_t{from} * width + lane;
      for (uint32_t k = 0; k < count; k++) target[k * width] = lane < lanes ? factor * line[k * depth_stride] : 0;
    }
  }
}

void scatter(const double *panel, uint32_t width, uint32_t lanes, uint32_t depth, double *target, Strides strides) {
  const auto [lane_stride, depth_stride] = strides;
  for (uint32_t from = 0; from < depth; from += LINE) {
    const uint32_t count = least(LINE, depth - from);
    for (uint32_t lane = 0; lane < lanes; lane++) {
      const double *source = panel + size_t{from} * width + lane;
      double *line = target + lane * lane_stride + from * depth_stride;
      for (uint32_t k = 0; k < count; k++) line[k * depth_stride] = source[k * width];
    }
  }
}

void multiply_blocks(const DoubleKernels &kernels, ThreadPool &pool, const BlockProduct &product) {
  const uint32_t task_rows = rows_per_task(kernels);
  const uint32_t across = divide_up(product.columns, TASK_COLUMNS);
  const size_t scratch_doubles = block_scratch_doubles(kernels, product.depth);
  parallel(pool, divide_up(product.rows, task_rows) * across, [&](uint32_t task, uint32_t thread) {
    const uint32_t row = task / across * task_rows;
    const uint32_t column = task % across * TASK_COLUMNS;
    const Rectangle part = {row, row + least(task_rows, product.rows - row), column,
                            column + least(TASK_COLUMNS, product.columns - column)};
    if (product.is_upper && part.end_column <= part.first_row) return;
    multiply_rectangle(kernels, product, part, product.scratch + thread * scratch_doubles);
  });
}

size_t block_scratch_doubles(const DoubleKernels &kernels, uint32_t depth) {
  return size_t{rows_per_task(kernels)} * depth;
}

} // namespace cider

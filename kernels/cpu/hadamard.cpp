#include "hadamard.h"

#include "double-blocks.h"
#include "sizes.h"
#include "thread-pool.h"

#include <math.h>
#include <string.h>

namespace cider {
namespace {

// Numbers that a task takes, about.
constexpr uint32_t TASK_DOUBLES = 1 << 14;

uint32_t padded(const DoubleKernels &kernels, uint32_t order) {
  return divide_up(order, kernels.panel) * kernels.panel;
}

// Of a thread: pieces of a row as a tile, and their products.
size_t scratch_doubles(const DoubleKernels &kernels, uint32_t order) {
  return size_t{kernels.tile_rows} * (order + padded(kernels, order));
}

size_t base_doubles(const DoubleKernels &kernels, uint32_t order) { return size_t{padded(kernels, order)} * order; }

// Element [k, j] as [panels][order, panel].
void pack_base(const DoubleKernels &kernels, const int8_t *base, uint32_t order, double *panels) {
  for (uint32_t j = 0; j < padded(kernels, order); j++) {
    double *column = panels + size_t{j} / kernels.panel * kernels.panel * order + j % kernels.panel;
    for (uint32_t k = 0; k < order; k++)
      column[size_t{k} * kernels.panel] = j < order ? base[size_t{k} * order + j] : 0;
  }
}

// Pieces [count, order] of a row, each multiplied by the base.
void multiply_pieces(const DoubleKernels &kernels, double *pieces, uint32_t count, uint32_t order, const double *panels,
                     double *scratch) {
  if (order == 1) {
    const double sign = panels[0];
    for (uint32_t i = 0; i < count; i++) pieces[i] = 0 + pieces[i] * sign;
    return;
  }
  const uint32_t stride = padded(kernels, order);
  double *tile = scratch;
  double *products = scratch + size_t{kernels.tile_rows} * order;
  for (uint32_t from = 0; from < count; from += kernels.tile_rows) {
    const uint32_t rows = least(kernels.tile_rows, count - from);
    double *first = pieces + size_t{from} * order;
    gather(first, {static_cast<ptrdiff_t>(order), 1}, rows, rows, order, 1, tile);
    memset(products, 0, size_t{rows} * stride * sizeof(double));
    for (uint32_t j = 0; j < order; j += kernels.panel) {
      kernels.multiply[rows]({tile, panels + size_t{j} * order, order, products + j, stride});
    }
    for (uint32_t i = 0; i < rows; i++) {
      memcpy(first + size_t{i} * order, products + size_t{i} * stride, order * sizeof(double));
    }
  }
}

} // namespace

size_t hadamard_scratch_bytes(const DoubleKernels &kernels, uint32_t order, uint32_t threads) {
  return ALIGNMENT + (base_doubles(kernels, order) + threads * scratch_doubles(kernels, order)) * sizeof(double);
}

void hadamard(const DoubleKernels &kernels, ThreadPool &pool, const HadamardArgs &args) {
  const auto [x, stride, rows, columns, order, base, scratch] = args;
  double *panels = static_cast<double *>(align_up(scratch));
  double *pieces = panels + base_doubles(kernels, order);
  pack_base(kernels, base, order, panels);
  const double root = sqrt(static_cast<double>(columns));
  const uint32_t task_rows = most(TASK_DOUBLES / columns, uint32_t{1});
  parallel(pool, divide_up(rows, task_rows), [&](uint32_t task, uint32_t thread) {
    const uint32_t first = task * task_rows;
    for (uint32_t i = first; i < first + least(task_rows, rows - first); i++) {
      double *row = x + i * stride;
      multiply_pieces(kernels, row, columns / order, order, panels, pieces + thread * scratch_doubles(kernels, order));
      for (size_t apart = order; apart < columns; apart *= 2) kernels.butterflies(row, columns, apart);
      kernels.divide(row, columns, root);
    }
  });
}

} // namespace cider

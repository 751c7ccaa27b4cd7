#include "inverse-factor.h"

#include "double-blocks.h"
#include "sizes.h"
#include "thread-pool.h"

#include <math.h>
#include <string.h>

namespace cider {
namespace {

// Both factors are computed by blocks of columns, each of which is then taken off all that is left: sums are in the
// order of columns, whatever the size of the blocks.
constexpr uint32_t BLOCK = 128;
// The same within the blocks on the diagonal.
constexpr uint32_t SMALL_BLOCK = 16;
static_assert(BLOCK % MAX_DOUBLE_PANEL == 0 && SMALL_BLOCK % MAX_DOUBLE_PANEL == 0);

// Rows, or columns, of a task that is not a product.
constexpr uint32_t TASK_SIZE = 128;

constexpr int64_t NO_PIVOT = -1;

struct Matrix {
  double *data;
  size_t stride;

  double *at(uint32_t row, uint32_t column) const { return data + row * stride + column; }
};

class Factorization {
public:
  Factorization(const DoubleKernels &kernels, ThreadPool &pool, uint32_t n, void *scratch)
      : kernels_(kernels), pool_(pool), triangle_(static_cast<double *>(align_up(scratch))),
        panels_(triangle_ + TRIANGLE_DOUBLES), tiles_(panels_ + panels_doubles(n)) {}

  static size_t scratch_bytes(const DoubleKernels &kernels, uint32_t n, uint32_t threads) {
    const size_t tiles = threads * block_scratch_doubles(kernels, BLOCK);
    return ALIGNMENT + (TRIANGLE_DOUBLES + panels_doubles(n) + tiles) * sizeof(double);
  }

  // The upper triangle of h [n, n] becomes R with h = R · Rᵀ, the last columns first.
  int64_t factorize(const Matrix &h, uint32_t n, uint32_t block) {
    for (uint32_t end = n; end > 0;) {
      const uint32_t first = (end - 1) / block * block;
      const Matrix diagonal = {h.at(first, first), h.stride};
      const int64_t pivot =
          block == SMALL_BLOCK ? factorize_small(diagonal, end - first) : factorize(diagonal, end - first, SMALL_BLOCK);
      if (pivot != NO_PIVOT) return first + pivot;
      if (first > 0) factorize_above(h, first, end);
      end = first;
    }
    return NO_PIVOT;
  }

  // The upper triangular h [n, n] becomes its inverse, the first columns first.
  void invert(const Matrix &h, uint32_t n) {
    for (uint32_t first = 0, end; first < n; first = end) {
      end = first + least(BLOCK, n - first);
      invert_columns(h, first, end);
      if (end < n) take_off(h, first, end, n);
    }
  }

private:
  static constexpr size_t TRIANGLE_DOUBLES = size_t{BLOCK} * BLOCK;
  static size_t panels_doubles(uint32_t n) { return align_up(n) * BLOCK; }

  static int64_t factorize_small(const Matrix &h, uint32_t n) {
    for (uint32_t j = n; j-- > 0;) {
      for (uint32_t i = j + 1; i-- > 0;) {
        double sum = *h.at(i, j);
        for (uint32_t k = n - 1; k > j; k--) sum -= *h.at(i, k) * *h.at(j, k);
        if (i == j && !(sum > 0 && sum < HUGE_VAL)) return j;
        *h.at(i, j) = i == j ? sqrt(sum) : sum / *h.at(j, j);
      }
    }
    return NO_PIVOT;
  }

  // Columns first … end - 1 of R above their block on the diagonal, and what they take off the columns before them.
  void factorize_above(const Matrix &h, uint32_t first, uint32_t end) {
    const Strides backwards = {static_cast<ptrdiff_t>(h.stride), -1};
    pack_triangle(h.at(end - 1, end - 1), {-backwards.lane, -1}, end - first);
    for_each_panel(first, [&](uint32_t row, uint32_t rows) {
      double *panel = panels_ + size_t{row} * (end - first);
      gather(h.at(row, end - 1), backwards, rows, kernels_.panel, end - first, 1, panel);
      kernels_.solve(triangle_, end - first, panel);
      scatter(panel, kernels_.panel, rows, end - first, h.at(row, end - 1), backwards);
    });
    multiply_blocks(kernels_, pool_,
                    {
                        .c = h.data,
                        .c_stride = h.stride,
                        .rows = first,
                        .columns = first,
                        .is_upper = true,
                        .factor = -1,
                        .a = h.at(0, end - 1),
                        .a_strides = backwards,
                        .panels = panels_,
                        .depth = end - first,
                        .scratch = tiles_,
                    });
  }

  // Columns first … end - 1 of U, from which the columns before them have been taken off.
  void invert_columns(const Matrix &h, uint32_t first, uint32_t end) {
    const auto stride = static_cast<ptrdiff_t>(h.stride);
    const uint32_t size = end - first;
    pack_triangle(h.at(first, first), {1, stride}, size);
    for_each_panel(end, [&](uint32_t row, uint32_t rows) {
      double *panel = panels_ + size_t{row} * size;
      if (row < first) {
        gather(h.at(row, first), {stride, 1}, rows, kernels_.panel, size, 1, panel);
      } else {
        memset(panel, 0, size_t{size} * kernels_.panel * sizeof(double));
        for (uint32_t i = 0; i < rows; i++) panel[(row - first + i) * kernels_.panel + i] = 1;
      }
      kernels_.solve(triangle_, size, panel);
      scatter(panel, kernels_.panel, rows, size, h.at(row, first), {stride, 1});
    });
  }

  // Takes columns first … end - 1 of U, multiplied by those rows of R, off the columns behind them.
  void take_off(const Matrix &h, uint32_t first, uint32_t end, uint32_t n) {
    const auto stride = static_cast<ptrdiff_t>(h.stride);
    const uint32_t size = end - first;
    for_each_panel(n - end, [&](uint32_t column, uint32_t columns) {
      double *rows = h.at(first, end + column);
      gather(rows, {1, stride}, columns, kernels_.panel, size, 1, panels_ + size_t{column} * size);
      for (uint32_t k = 0; k < size; k++) memset(rows + k * h.stride, 0, columns * sizeof(double));
    });
    multiply_blocks(kernels_, pool_,
                    {
                        .c = h.at(0, end),
                        .c_stride = h.stride,
                        .rows = end,
                        .columns = n - end,
                        .is_upper = false,
                        .factor = -1,
                        .a = h.at(0, first),
                        .a_strides = {stride, 1},
                        .panels = panels_,
                        .depth = size,
                        .scratch = tiles_,
                    });
  }

  // The lower triangle l [size, size] as kernels_.solve takes it; element [lane, k] is where the strides say.
  void pack_triangle(const double *l, Strides strides, uint32_t size) {
    double *tile = triangle_;
    for (uint32_t first = 0; first < size; first += kernels_.tile_rows) {
      const uint32_t rows = least(kernels_.tile_rows, size - first);
      gather(l + first * strides.lane, strides, rows, rows, first + rows, -1, tile);
      for (uint32_t i = first; i < first + rows; i++) {
        tile[size_t{i} * rows + i - first] = l[i * (strides.lane + strides.depth)];
      }
      tile += size_t{first + rows} * rows;
    }
  }

  // Calls body(first, count) for each panel of `size` rows or columns.
  template <class Body>
  void for_each_panel(uint32_t size, Body body) {
    parallel(pool_, divide_up(size, TASK_SIZE), [&](uint32_t task, uint32_t) {
      const uint32_t end = least(size, (task + 1) * TASK_SIZE);
      for (uint32_t first = task * TASK_SIZE; first < end; first += kernels_.panel) {
        body(first, least(kernels_.panel, end - first));
      }
    });
  }

  const DoubleKernels &kernels_;
  ThreadPool &pool_;
  double *triangle_; // [BLOCK, BLOCK]
  double *panels_;   // [n, BLOCK]
  double *tiles_;    // of each thread
};

// The upper triangle becomes what the lower one is.
void mirror(ThreadPool &pool, const Matrix &h, uint32_t n) {
  constexpr uint32_t rows = 8;
  parallel(pool, divide_up(n, rows), [&](uint32_t task, uint32_t) {
    const uint32_t first = task * rows;
    for (uint32_t j = first; j < n; j++) {
      for (uint32_t i = first; i < least(first + rows, j); i++) *h.at(i, j) = *h.at(j, i);
    }
  });
}

void clear_below(ThreadPool &pool, const Matrix &h, uint32_t n) {
  parallel(pool, n, [&](uint32_t row, uint32_t) { memset(h.at(row, 0), 0, row * sizeof(double)); });
}

} // namespace

size_t inverse_factor_scratch_bytes(const DoubleKernels &kernels, uint32_t n, uint32_t threads) {
  return Factorization::scratch_bytes(kernels, n, threads);
}

int64_t inverse_factor(const DoubleKernels &kernels, ThreadPool &pool, const InverseFactorArgs &args) {
  const Matrix h = {args.h, args.stride};
  Factorization factorization(kernels, pool, args.n, args.scratch);
  mirror(pool, h, args.n);
  const int64_t pivot = factorization.factorize(h, args.n, BLOCK);
  if (pivot != NO_PIVOT) return pivot;
  clear_below(pool, h, args.n);
  factorization.invert(h, args.n);
  return NO_PIVOT;
}

} // namespace cider

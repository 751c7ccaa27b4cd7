#include "accumulate.h"

#include "float-kernels.h"
#include "sizes.h"
#include "thread-pool.h"

#include <string.h>

namespace cider {
namespace {

// Rows that are summed in f32.
constexpr uint32_t DEPTH = 512;
// What a task sums: rows that stay in a second-level cache as they are packed, and so many columns that its sums do
// too.
constexpr uint32_t TASK_ROWS = 128;
constexpr uint32_t TASK_COLUMNS = 256;
// From row to row of these sums; columns of them do not meet in a cache.
constexpr size_t SUMS_STRIDE = TASK_COLUMNS + 16;
static_assert(TASK_COLUMNS % MAX_PANEL == 0);

uint32_t rows_per_task(const FloatKernels &kernels) { return TASK_ROWS / kernels.tile_rows * kernels.tile_rows; }

uint32_t padded(uint32_t columns, uint32_t width) { return divide_up(columns, width) * width; }

// Parts [depth, width] of x [depth, columns], one after the other, the last one filled up with zeros.
void pack(ThreadPool &pool, const float *x, uint32_t columns, uint32_t depth, uint32_t width, float *out) {
  parallel(pool, divide_up(columns, width), [&](uint32_t part, uint32_t) {
    const uint32_t first = part * width;
    const uint32_t count = least(width, columns - first);
    float *target = out + size_t{first} * depth;
    for (uint32_t k = 0; k < depth; k++, target += width) {
      memcpy(target, x + size_t{k} * columns + first, count * sizeof(float));
      memset(target + count, 0, (width - count) * sizeof(float));
    }
  });
}

class Accumulation {
public:
  Accumulation(const FloatKernels &kernels, ThreadPool &pool, const AccumulateArgs &args)
      : kernels_(kernels), pool_(pool), args_(args), is_symmetric_(args.x == args.y && args.n == args.p),
        panels_(static_cast<float *>(align_up(args.scratch))),
        tiles_(panels_ + size_t{padded(args.n, kernels.panel)} * least(args.count, DEPTH)),
        sums_(tiles_ + size_t{padded(args.p, kernels.tile_rows)} * least(args.count, DEPTH)) {}

  static size_t scratch_floats(const FloatKernels &kernels, const AccumulateArgs &args, uint32_t threads) {
    const uint32_t columns = padded(args.n, kernels.panel) + padded(args.p, kernels.tile_rows);
    return size_t{columns} * least(args.count, DEPTH) + threads * size_t{TASK_ROWS} * SUMS_STRIDE;
  }

  // Adds `depth` rows from `from` on.
  void add(uint32_t from, uint32_t depth) {
    const auto &[sum, stride, y, x, count, p, n, scratch] = args_;
    pack(pool_, x + size_t{from} * n, n, depth, kernels_.panel, panels_);
    pack(pool_, y + size_t{from} * p, p, depth, kernels_.tile_rows, tiles_);
    const uint32_t task_rows = rows_per_task(kernels_);
    const uint32_t across = divide_up(n, TASK_COLUMNS);
    parallel(pool_, divide_up(p, task_rows) * across, [&](uint32_t task, uint32_t thread) {
      const uint32_t row = task / across * task_rows;
      const uint32_t column = task % across * TASK_COLUMNS;
      const Block block = {row, row + least(task_rows, p - row), column, column + least(TASK_COLUMNS, n - column)};
      if (is_symmetric_ && block.end_column <= block.first_row) return;
      float *sums = sums_ + thread * size_t{TASK_ROWS} * SUMS_STRIDE;
      multiply(block, depth, sums);
      add(block, sums);
    });
  }

private:
  struct Block {
    uint32_t first_row, end_row, first_column, end_column;
  };

  // Sums of a block, of tiles and panels as a whole; what is below the diagonal is left out if y is x.
  void multiply(const Block &block, uint32_t depth, float *sums) const {
    static constexpr float zeros[MAX_PANEL] = {};
    for (uint32_t column = block.first_column; column < block.end_column; column += kernels_.panel) {
      for (uint32_t row = block.first_row; row < block.end_row; row += kernels_.tile_rows) {
        if (is_symmetric_ && row >= column + kernels_.panel) break;
        kernels_.multiply[kernels_.tile_rows]({
            .tile = tiles_ + size_t{row} * depth,
            .panel = panels_ + size_t{column} * depth,
            .depth = depth,
            .addend = zeros,
            .addend_stride = 0,
            .out = sums + (row - block.first_row) * SUMS_STRIDE + column - block.first_column,
            .out_stride = SUMS_STRIDE,
            .next = nullptr,
            .next_lines = 0,
        });
      }
    }
  }

  void add(const Block &block, const float *sums) const {
    for (uint32_t i = block.first_row; i < block.end_row; i++) {
      const float *from = sums + (i - block.first_row) * SUMS_STRIDE;
      double *to = args_.sum + i * args_.stride;
      for (uint32_t j = is_symmetric_ ? most(i, block.first_column) : block.first_column; j < block.end_column; j++) {
        to[j] += static_cast<double>(from[j - block.first_column]);
      }
    }
    if (!is_symmetric_) return;
    for (uint32_t j = block.first_column; j < block.end_column; j++) {
      const float *from = sums + j - block.first_column;
      double *to = args_.sum + j * args_.stride;
      for (uint32_t i = block.first_row; i < least(j, block.end_row); i++) {
        to[i] += static_cast<double>(from[(i - block.first_row) * SUMS_STRIDE]);
      }
    }
  }

  const FloatKernels &kernels_;
  ThreadPool &pool_;
  const AccumulateArgs &args_;
  bool is_symmetric_;
  float *panels_; // of x, [n / panel][depth, panel]
  float *tiles_;  // of y, [p / tile_rows][depth, tile_rows]
  float *sums_;   // of each thread, [TASK_ROWS, SUMS_STRIDE]
};

} // namespace

size_t accumulate_scratch_bytes(const FloatKernels &kernels, const AccumulateArgs &args, uint32_t threads) {
  return ALIGNMENT + Accumulation::scratch_floats(kernels, args, threads) * sizeof(float);
}

void accumulate(const FloatKernels &kernels, ThreadPool &pool, const AccumulateArgs &args) {
  Accumulation accumulation(kernels, pool, args);
  for (uint32_t from = 0; from < args.count; from += least(DEPTH, args.count - from)) {
    accumulation.add(from, least(DEPTH, args.count - from));
  }
}

} // namespace cider

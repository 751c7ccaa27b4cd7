#include "cross-entropy.h"

#include <math.h>

#include "float-gemm.h"
#include "thread-pool.h"

namespace cider {
namespace {

// Σ exp(logit - largest) over some logits of a row.
struct ExpSum {
  float largest;
  float sum;
};

// Overwrites the logits.
ExpSum exp_sum(const FloatKernels &kernels, float *logits, size_t count) {
  const float largest = kernels.largest(logits, count, 1.0f);
  // If all are -infinity, any other shift gives them their weight of 0.
  return {largest, kernels.exponentiate(logits, count, 1.0f, largest == -INFINITY ? 0.0f : largest)};
}

// log Σ exp over all logits of a row, whose parts are `stride` apart.
double log_sum_exp(const ExpSum *parts, uint32_t count, size_t stride) {
  double largest = -INFINITY;
  for (uint32_t i = 0; i < count; i++) largest = most(largest, static_cast<double>(parts[i * stride].largest));
  double sum = 0;
  for (uint32_t i = 0; i < count; i++) {
    const ExpSum &part = parts[i * stride];
    sum += static_cast<double>(part.sum) * exp(static_cast<double>(part.largest) - largest);
  }
  return largest + log(sum);
}

// Logits that are summed in f32.
constexpr uint32_t COLUMNS_PER_PART = 256;

// Overwrites the logits [columns].
double loss_of(const FloatKernels &kernels, float *logits, uint32_t columns, int32_t target) {
  const double target_logit = static_cast<double>(logits[target]);
  const float largest = kernels.largest(logits, columns, 1.0f);
  double sum = 0;
  for (uint32_t from = 0; from < columns; from += COLUMNS_PER_PART) {
    sum += static_cast<double>(
        kernels.exponentiate(logits + from, least(COLUMNS_PER_PART, columns - from), 1.0f, largest));
  }
  return static_cast<double>(largest) + log(sum) - target_logit;
}

// How the logits of a float head are cut up: a task makes those of a block of rows and one part of the columns, and
// leaves a sum.
struct FloatPlan {
  RowLayout layout;
  uint32_t chunk; // rows
  uint32_t step;  // panels of a part
  uint32_t parts;
  size_t packed_bytes, sums_bytes, targets_bytes, thread_bytes;
};

FloatPlan plan_of(const FloatKernels &kernels, const FloatShape &shape, uint32_t rows) {
  FloatPlan plan;
  plan.layout = row_layout(kernels, shape, rows);
  const uint32_t block_rows = plan.layout.block_rows();
  plan.chunk = least(rows, least(rows_per_chunk(plan.layout), 8 * block_rows));
  plan.step = COLUMNS_PER_PART / kernels.panel;
  plan.parts = divide_up(panel_layout(kernels, shape).panels, plan.step);
  plan.packed_bytes = align_up(size_t{plan.chunk} * plan.layout.padded_k * sizeof(float));
  plan.sums_bytes = align_up(size_t{plan.parts} * plan.chunk * sizeof(ExpSum));
  plan.targets_bytes = align_up(plan.chunk * sizeof(float));
  plan.thread_bytes =
      align_up((size_t{block_rows} * COLUMNS_PER_PART + gemm_scratch_floats(kernels, plan.layout)) * sizeof(float));
  return plan;
}

// Rows of an integer head whose logits exist at a time: 64 MiB of them, but not so few rows that the head is read for
// little.
uint32_t integer_chunk(const IntegerHead &head, uint32_t rows) {
  constexpr uint32_t logits = 1 << 24;
  return least(rows, most(logits / head.shape.n, uint32_t{32}));
}

} // namespace

size_t cross_entropy_scratch_bytes(const Kernels &kernels, const FloatHead &head, uint32_t rows, uint32_t threads) {
  const FloatPlan plan = plan_of(*kernels.floats, head.shape, rows);
  return ALIGNMENT + plan.packed_bytes + plan.sums_bytes + plan.targets_bytes + threads * plan.thread_bytes;
}

void cross_entropy(const Kernels &kernels, ThreadPool &pool, const FloatHead &head, const CrossEntropyArgs &args) {
  const FloatKernels &floats = *kernels.floats;
  const PackedWeight weight = packed_weight(floats, head.shape, head.packed);
  const FloatPlan plan = plan_of(floats, head.shape, args.rows);
  char *scratch = static_cast<char *>(align_up(args.scratch));
  float *packed = reinterpret_cast<float *>(scratch);
  ExpSum *sums = reinterpret_cast<ExpSum *>(scratch + plan.packed_bytes); // [parts, chunk]
  float *target_logits = reinterpret_cast<float *>(scratch + plan.packed_bytes + plan.sums_bytes);
  char *thread_scratch = scratch + plan.packed_bytes + plan.sums_bytes + plan.targets_bytes;

  for (uint32_t top = 0; top < args.rows; top += plan.chunk) {
    const uint32_t count = least(plan.chunk, args.rows - top);
    const int32_t *targets = args.targets + top;
    const PackedRows rows = pack_rows(plan.layout, pool, args.x + size_t{top} * head.shape.k, count, packed);
    const uint32_t blocks = divide_up(rows.tiles, plan.layout.tiles_per_block);
    parallel(pool, blocks * plan.parts, [&](uint32_t task, uint32_t thread) {
      const uint32_t part = task / blocks;
      const Range tiles = tiles_of_block(rows, task % blocks, blocks);
      const Range panels = {part * plan.step, least((part + 1) * plan.step, weight.layout.panels)};
      float *logits = reinterpret_cast<float *>(thread_scratch + thread * plan.thread_bytes);
      float *gemm_scratch = logits + size_t{plan.layout.block_rows()} * COLUMNS_PER_PART;
      multiply_panels(weight, rows, tiles, panels, logits, COLUMNS_PER_PART, gemm_scratch);

      const uint32_t first_column = panels.begin * floats.panel;
      const uint32_t columns = least(COLUMNS_PER_PART, head.shape.n - first_column);
      const uint32_t end = first_row(rows, tiles.end);
      for (uint32_t row = first_row(rows, tiles.begin); row < end; row++, logits += COLUMNS_PER_PART) {
        if (targets[row] < 0) continue;
        if (args.soft_cap > 0) floats.soft_cap(logits, columns, 1.0f, args.soft_cap);
        const uint32_t target = static_cast<uint32_t>(targets[row]);
        if (target / COLUMNS_PER_PART == part) target_logits[row] = logits[target - first_column];
        sums[size_t{part} * plan.chunk + row] = exp_sum(floats, logits, columns);
      }
    });
    parallel(pool, count, [&](uint32_t row, uint32_t) {
      const bool is_scored = targets[row] >= 0;
      args.losses[top + row] =
          is_scored ? log_sum_exp(sums + row, plan.parts, plan.chunk) - static_cast<double>(target_logits[row]) : 0;
    });
  }
}

size_t cross_entropy_scratch_bytes(const Kernels &kernels, const IntegerHead &head, uint32_t rows, uint32_t threads) {
  const uint32_t chunk = integer_chunk(head, rows);
  return ALIGNMENT + align_up(size_t{chunk} * head.shape.n * sizeof(float)) +
         integer_linear_scratch_bytes(*kernels.integer, head.shape, chunk, threads);
}

void cross_entropy(const Kernels &kernels, ThreadPool &pool, const IntegerHead &head, const CrossEntropyArgs &args) {
  const FloatKernels &floats = *kernels.floats;
  const uint32_t columns = head.shape.n;
  const uint32_t chunk = integer_chunk(head, args.rows);
  float *logits = static_cast<float *>(align_up(args.scratch)); // [chunk, N]
  void *scratch = reinterpret_cast<char *>(logits) + align_up(size_t{chunk} * columns * sizeof(float));
  for (uint32_t top = 0; top < args.rows; top += chunk) {
    const uint32_t count = least(chunk, args.rows - top);
    integer_linear(*kernels.integer, *kernels.quantize, pool,
                   {head.shape, head.packed, args.x + size_t{top} * head.shape.k, count, logits, true, scratch});
    parallel(pool, count, [&](uint32_t row, uint32_t) {
      float *row_logits = logits + size_t{row} * columns;
      const int32_t target = args.targets[top + row];
      if (target >= 0 && args.soft_cap > 0) floats.soft_cap(row_logits, columns, 1.0f, args.soft_cap);
      args.losses[top + row] = target < 0 ? 0 : loss_of(floats, row_logits, columns, target);
    });
  }
}

} // namespace cider

// Rows to quantize, shared out to threads.
#include "quantize.h"

#include <stddef.h>
#include <string.h>

#include "../cider.h"
#include "thread-pool.h"

namespace cider {
namespace {

// Elements of a task: enough that handing it out costs nothing, few enough that threads end together.
constexpr uint32_t TASK_ELEMENTS = 1 << 15;

struct Tasks {
  uint32_t rows_each, count;
};

Tasks split_rows(uint32_t rows, uint32_t columns) {
  const uint32_t rows_each = columns < TASK_ELEMENTS ? TASK_ELEMENTS / (columns + 1) + 1 : 1;
  return {rows_each, rows / rows_each + (rows % rows_each != 0)};
}

constexpr size_t element_bytes(int32_t dtype) { return dtype == CIDER_F32 ? 4 : 2; }

// Whether the element at `source` has an exponent of all ones.
bool is_non_finite(const uint8_t *source, int32_t dtype) {
  uint32_t pattern = 0;
  memcpy(&pattern, source, element_bytes(dtype));
  const uint32_t exponent = dtype == CIDER_F32 ? 0x7f800000 : dtype == CIDER_F16 ? 0x7c00 : 0x7f80;
  return (pattern & exponent) == exponent;
}

void lower_to(uint32_t &shared, uint32_t value) {
  uint32_t current = __atomic_load_n(&shared, __ATOMIC_RELAXED);
  while (value < current &&
         !__atomic_compare_exchange_n(&shared, &current, value, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
}

} // namespace

void quantize_per_token(const QuantizeKernels &kernels, ThreadPool &pool, const float *x, uint32_t rows,
                        uint32_t columns, int8_t *codes, float *scales) {
  const Tasks tasks = split_rows(rows, columns);
  parallel(pool, tasks.count, [&](uint32_t task, uint32_t) {
    const uint32_t first = task * tasks.rows_each;
    const uint32_t last = rows - first > tasks.rows_each ? first + tasks.rows_each : rows;
    for (uint32_t row = first; row < last; row++) {
      scales[row] = kernels.quantize_row(x + size_t{row} * columns, columns, codes + size_t{row} * columns);
    }
  });
}

NonFinite quantize_rows(const QuantizeKernels &kernels, ThreadPool &pool, const QuantizeRowsArgs &args) {
  const auto [source, dtype, bits, rows, columns, group_size, codes, scales] = args;
  const auto quantize_groups = kernels.quantize_groups[dtype];
  const size_t row_bytes = columns * element_bytes(dtype);
  const size_t groups = groups_per_row(columns, group_size);
  const uint8_t *bytes = static_cast<const uint8_t *>(source);
  const CodeRange range = code_range(bits);

  // Only rows behind one that is not finite are left out, so that whichever thread meets one, the first is found.
  uint32_t bad_row = rows;
  const Tasks tasks = split_rows(rows, columns);
  parallel(pool, tasks.count, [&](uint32_t task, uint32_t) {
    const uint32_t first = task * tasks.rows_each;
    const uint32_t last = rows - first > tasks.rows_each ? first + tasks.rows_each : rows;
    for (uint32_t row = first; row < last && row < __atomic_load_n(&bad_row, __ATOMIC_RELAXED); row++) {
      const bool finite = quantize_groups(bytes + row * row_bytes, columns, group_size, range,
                                          codes + size_t{row} * columns, scales + row * groups);
      if (!finite) lower_to(bad_row, row);
    }
  });
  if (bad_row == rows) return {};

  uint32_t column = 0;
  while (!is_non_finite(bytes + bad_row * row_bytes + column * element_bytes(dtype), dtype)) column++;
  return {true, bad_row, column};
}

} // namespace cider

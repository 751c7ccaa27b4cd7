#include "rms-norm.h"

#include <math.h>

#include "float-kernels.h"
#include "thread-pool.h"

namespace cider {

// Sums and factors are f64, so that the only f32 rounding is that of the result.
void rms_norm(const FloatKernels &kernels, ThreadPool &pool, const RmsNormArgs &args) {
  const auto &[x, gain, out, rows, columns, epsilon] = args;
  const uint32_t rows_per_task = columns < 16384 ? 16384 / columns : 1;
  parallel(pool, (rows - 1) / rows_per_task + 1, [&](uint32_t task, uint32_t) {
    const uint64_t begin = uint64_t{task} * rows_per_task;
    const uint64_t end = begin + rows_per_task < rows ? begin + rows_per_task : rows;
    for (uint64_t row = begin; row < end; row++) {
      const float *values = x + row * columns;
      const double mean = kernels.sum_squares(values, columns) / columns;
      kernels.scale_by(values, 1 / sqrt(mean + static_cast<double>(epsilon)), gain, columns, out + row * columns);
    }
  });
}

} // namespace cider

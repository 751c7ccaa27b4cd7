// rms_norm against f64: all arithmetic but the last rounding is f64, whose own errors are below 2^-40 of the result.
#include "rms-norm.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

void check_rms_norm(const Kernels &kernels, ThreadPool &pool, uint32_t rows, uint32_t columns, float magnitude,
                    float epsilon, bool in_place, Random &random) {
  const size_t count = size_t{rows} * columns;
  Guarded<float> x(count, 4), gain(columns, 8), separate(count, 12);
  fill(x, count, -magnitude, magnitude, random);
  fill(gain, columns, -2, 2, random);
  Guarded<double> expected(count);
  for (uint32_t row = 0; row < rows; row++) {
    double squares = 0;
    for (uint32_t i = 0; i < columns; i++) squares += double(x[row * columns + i]) * double(x[row * columns + i]);
    for (uint32_t i = 0; i < columns; i++) {
      expected[row * columns + i] =
          double(x[row * columns + i]) / sqrt(squares / columns + double(epsilon)) * double(gain[i]);
    }
  }
  Guarded<float> &out = in_place ? x : separate;
  rms_norm(*kernels.floats, pool, {x.data(), gain.data(), out.data(), rows, columns, epsilon});
  for (size_t i = 0; i < count; i++) {
    const double bound = fabs(expected[i]) * (UNIT + 0x1p-40) + SMALLEST / 2;
    CHECK(fabs(double(out[i]) - expected[i]) <= bound, "%s: [%u, %u] of %g at %zu: %.9g instead of %.9g", kernels.isa,
          rows, columns, double(magnitude), i, double(out[i]), expected[i]);
  }
  CHECK(out.intact(), "%s: [%u, %u] writes outside", kernels.isa, rows, columns);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(1);
    for (const uint32_t columns : {1u, 2u, 7u, 33u, 64u, 127u, 576u, 4097u}) {
      for (const uint32_t rows : {1u, 3u, 33u}) {
        check_rms_norm(kernels, pool, rows, columns, 3, 1e-6f, rows == 3, random);
      }
    }
    check_rms_norm(kernels, pool, 3, 100, 1e30f, 1e-6f, false, random); // squares beyond f32
    check_rms_norm(kernels, pool, 3, 100, 1e-30f, 0, false, random);    // squares below f32
    check_rms_norm(kernels, pool, 3, 100, 1e-40f, 1e-5f, false, random);

    // A NaN and an infinity spoil their rows as f64 arithmetic has it, and no other row.
    Guarded<float> x(3 * 20), gain(20), out(3 * 20);
    fill(x, 60, -1, 1, random);
    fill(gain, 20, 1, 2, random);
    x[3] = NAN;
    x[25] = INFINITY;
    rms_norm(*kernels.floats, pool, {x.data(), gain.data(), out.data(), 3, 20, 1e-6f});
    for (uint32_t i = 0; i < 60; i++) {
      const bool is_nan = i < 20 || i == 25;
      CHECK(is_nan   ? isnan(out[i])
            : i < 40 ? out[i] == 0
                     : isfinite(out[i]),
            "%s: %g at %u", kernels.isa, double(out[i]), i);
    }
  });
  return report();
}

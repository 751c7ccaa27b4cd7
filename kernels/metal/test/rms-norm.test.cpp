// rms_norm against f64.
//
// The sum of squares goes through at most ⌈columns / 256⌉ roundings in a lane, 5 in a simdgroup and 7 among them; the
// mean and epsilon add 2, of all of which the root halves the effect. The root, the inverse and two products add 4.
// Squares that become 0 do not count, by the choice of SMALLEST_MEAN; elements and products that do are off by 2^-126,
// which the inverse root and the gain magnify. With a factor that brings the largest element near 1 the former is
// √columns at most.
#include "launcher.h"
#include "tolerance.h"

#include "../parameters.h"

using namespace cider::test;

namespace {

void check_rms_norm(Kernels &kernels, uint32_t rows, uint32_t columns, float magnitude, float epsilon, bool in_place,
                    Random &random) {
  const size_t count = size_t{rows} * columns;
  OnGpu<float> x(count), gain(columns), separate(count);
  fill(x, -magnitude, magnitude, random);
  fill(gain, -2, 2, random);
  Guarded<float> before(count);
  memcpy(before.data(), x.data(), count * sizeof(float));
  OnGpu<float> &out = in_place ? x : separate;
  kernels.run("rms_norm", {rows}, ROW_THREADS, out, x, gain, RmsNormParameters{columns, epsilon});
  const double rounding = (ceil(columns / 256.0) + 5 + 7 + 2) / 2 + 4;
  for (uint32_t row = 0; row < rows; row++) {
    const float *row_x = before.data() + size_t{row} * columns;
    double squares = 0;
    for (uint32_t i = 0; i < columns; i++) squares += double(row_x[i]) * double(row_x[i]);
    const double inverse = 1 / sqrt(squares / columns + double(epsilon));
    for (uint32_t i = 0; i < columns; i++) {
      const double size = fabs(double(gain[i]));
      const double expected = double(row_x[i]) * inverse * double(gain[i]);
      const double bound =
          rounding * UNIT * fabs(expected) + SMALLEST_NORMAL * (1 + (1 + fmax(inverse, sqrt(columns))) * size);
      const double got = double(out[size_t{row} * columns + i]);
      CHECK(is_near(got, expected, bound), "[%u, %u] of %g, row %u, column %u: %.9g instead of %.9g", rows, columns,
            double(magnitude), row, i, got, expected);
    }
  }
}

// A NaN and an infinity spoil their rows as f64 arithmetic has it, and no other row.
void check_non_finite(Kernels &kernels, Random &random) {
  const uint32_t columns = 300;
  OnGpu<float> x(3 * columns), gain(columns), out(3 * columns);
  fill(x, -1, 1, random);
  fill(gain, 1, 2, random);
  x[299] = NAN;
  x[300 + 17] = -INFINITY;
  kernels.run("rms_norm", {3}, ROW_THREADS, out, x, gain, RmsNormParameters{columns, 1e-6f});
  for (uint32_t i = 0; i < 3 * columns; i++) {
    const bool holds = i < columns || i == 300 + 17 ? isnan(out[i]) : i < 2 * columns ? out[i] == 0 : isfinite(out[i]);
    CHECK(holds, "%g at %u", double(out[i]), i);
  }
}

void check_all() {
  Kernels kernels({"rms-norm.metal"});
  Random random(1);
  for (const uint32_t columns : {1u, 2u, 7u, 33u, 127u, 255u, 256u, 257u, 576u, 4097u}) {
    for (const uint32_t rows : {1u, 3u}) check_rms_norm(kernels, rows, columns, 3, 1e-6f, rows == 3, random);
  }
  check_rms_norm(kernels, 2, 100, 1e19f, 1e-6f, false, random);   // sums of squares beyond f32
  check_rms_norm(kernels, 2, 700, 3e38f, 1e-6f, true, random);    // squares, and their factor near its limit
  check_rms_norm(kernels, 2, 100, 1e-25f, 0, false, random);      // squares below f32
  check_rms_norm(kernels, 2, 700, 1e-36f, 0, true, random);       // likewise, near the factor's other limit
  check_rms_norm(kernels, 2, 100, 1e-25f, 1e-37f, false, random); // an epsilon that counts by itself
  check_rms_norm(kernels, 2, 100, 1e-40f, 1e-5f, false, random);
  check_non_finite(kernels, random);
}

} // namespace

int main() { return in_each_order(check_all); }

// The exponential of the kernels against libm's in f64, over f32 values evenly spread by bits: 2 ulp are promised.
#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The distance from the f32 at or below |value| to the next.
double ulp_at(double value) {
  if (fabs(value) < 0x1p-126) return SMALLEST;
  int exponent;
  frexp(value, &exponent);
  return ldexp(1.0, exponent - 24);
}

void check_exponentials(const Kernels &kernels, float *x, uint32_t count) {
  float results[256];
  memcpy(results, x, count * sizeof(float));
  kernels.floats->exponentiate(results, count, 1.0f, 0.0f);
  for (uint32_t i = 0; i < count; i++) {
    const double expected = exp(double(x[i]));
    const double got = double(results[i]);
    const bool overflows = expected >= double(__FLT_MAX__);
    const bool holds = isnan(x[i]) ? isnan(got)
                       : overflows ? got >= double(__FLT_MAX__)
                                   : fabs(got - expected) <= 2 * ulp_at(expected);
    CHECK(holds, "%s: exp(%.9g) is %.9g instead of %.9g", kernels.isa, double(x[i]), got, expected);
  }
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    if (pool.threads() > 1) return;
    float x[256];
    uint32_t count = 0;
    // A prime stride, through all signs, exponents, NaNs and infinities.
    for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 4099) {
      x[count++] = float_of(static_cast<uint32_t>(bits));
      if (count == 256 || bits + 4099 >= uint64_t{1} << 32) {
        check_exponentials(kernels, x, count);
        count = 0;
      }
    }
    float edges[] = {0.0f,  -0.0f,        INFINITY,    -INFINITY,    NAN,     88.7228317f, 88.7228394f,
                     89.0f, -87.3365479f, -103.97208f, -103.972084f, -104.0f, -1e30f};
    check_exponentials(kernels, edges, sizeof edges / sizeof edges[0]);

    // Sums of any length, and maxima that pass over NaN.
    Random random(7);
    Guarded<float> values(1000), weights(1000);
    for (const uint32_t length : {1u, 2u, 15u, 17u, 100u, 256u, 999u}) {
      fill(values, length, -5, 5, random);
      memcpy(weights.data(), values.data(), length * sizeof(float));
      const double sum = double(kernels.floats->exponentiate(weights.data(), length, 0.5f, 1.25f));
      double expected = 0;
      float largest = -INFINITY;
      for (uint32_t i = 0; i < length; i++) {
        expected += exp(0.5 * double(values[i]) - 1.25);
        largest = values[i] > largest ? values[i] : largest;
      }
      // 2 ulp of each, rounding of an argument up to 4, and as many additions as there are elements at most.
      CHECK(fabs(sum - expected) <= (8 + length) * UNIT * expected, "%s: %u weights sum up to %.9g instead of %.9g",
            kernels.isa, length, sum, expected);
      values[length / 2] = NAN;
      const float found = kernels.floats->largest(values.data(), length, 2.0f);
      float remaining = -INFINITY;
      for (uint32_t i = 0; i < length; i++) remaining = values[i] > remaining ? values[i] : remaining;
      CHECK(found == 2 * remaining, "%s: the largest of %u is %g", kernels.isa, length, double(found));
    }
    CHECK(weights.intact(), "%s writes outside", kernels.isa);
  });
  return report();
}

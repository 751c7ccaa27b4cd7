// tanh and soft_cap of the kernels against libm's tanh in f64.
//
// 4 ulp are promised for tanh: 2.2 u of the polynomial; elsewhere 4 u of the exponential E count for 2E / (E + 1)² ≤
// 0.35 of the result's last place, and the sum, quotient and difference for less than 1.5. A cap c multiplies with
// scale, divides and multiplies: 2 u of an argument whose errors tanh does not magnify, and 1 u. With 4 ulp, or 8 u,
// that is 11 u of the result. Below the normal numbers each of three roundings is up to half of 2^-149, the first two
// magnified by c.
#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

// The distance from the f32 at or below |value| to the next.
double ulp_at(double value) {
  if (fabs(value) < 0x1p-126) return SMALLEST;
  int exponent;
  frexp(value, &exponent);
  return ldexp(1.0, exponent - 24);
}

void check_tangents(const Kernels &kernels, const float *x, uint32_t count) {
  float results[256];
  memcpy(results, x, count * sizeof(float));
  kernels.floats->soft_cap(results, count, 1.0f, 1.0f);
  for (uint32_t i = 0; i < count; i++) {
    const double expected = tanh(double(x[i]));
    const double got = double(results[i]);
    const bool holds = isnan(x[i]) ? isnan(got) : fabs(got - expected) <= 4 * ulp_at(expected) && fabs(got) <= 1;
    CHECK(holds, "%s: tanh(%.9g) is %.9g instead of %.9g", kernels.isa, double(x[i]), got, expected);
  }
}

void check_caps(const Kernels &kernels, size_t count, float scale, float cap, Random &random) {
  Guarded<float> x(count, 4), results(count, 8);
  fill(x, count, -4 * cap / scale, 4 * cap / scale, random);
  for (size_t i = 0; i < count; i += 3) x[i] *= 0.01f;
  memcpy(results.data(), x.data(), count * sizeof(float));
  kernels.floats->soft_cap(results.data(), count, scale, cap);
  for (size_t i = 0; i < count; i++) {
    const double expected = double(cap) * tanh(double(scale) * double(x[i]) / double(cap));
    const double bound = 11 * UNIT * fabs(expected) + (1 + double(cap)) * SMALLEST;
    CHECK(fabs(double(results[i]) - expected) <= bound, "%s: %.9g scaled by %g and capped by %g: %.9g instead of %.9g",
          kernels.isa, double(x[i]), double(scale), double(cap), double(results[i]), expected);
  }
  CHECK(results.intact(), "%s: %zu elements write outside", kernels.isa, count);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    if (pool.threads() > 1) return;
    float x[256];
    uint32_t count = 0;
    // A prime stride, through all signs, exponents, NaNs and infinities.
    for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += 4099) {
      const uint32_t low = static_cast<uint32_t>(bits);
      memcpy(&x[count++], &low, sizeof low);
      if (count == 256 || bits + 4099 >= uint64_t{1} << 32) {
        check_tangents(kernels, x, count);
        count = 0;
      }
    }
    const float edges[] = {0.0f,   -0.0f,   INFINITY, -INFINITY, NAN,   0.624999940f,
                           0.625f, -0.625f, 9.0f,     -9.1f,     44.5f, 3e38f};
    check_tangents(kernels, edges, sizeof edges / sizeof edges[0]);

    Random random(5);
    for (const size_t length : {1, 7, 16, 33, 1000}) {
      check_caps(kernels, length, 1.0f, 30.0f, random);
      check_caps(kernels, length, 0.0625f, 50.0f, random);
    }
  });
  return report();
}

// add is one f32 addition. silu_mul against f64: the exponential e is off by 4 u of itself (2 ulp, u = 2^-24), x · e by
// 1 more, 1 + e by less than 5 in all, and the quotient and the product add 1 each: 12 u. Below the normal numbers e is
// off by up to 2^-149, which x and b magnify, and each of three roundings by half of that.
#include "elementwise.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

double silu(double x) { return x / (1 + exp(-x)); }

void check_at(const Kernels &kernels, size_t at, float a, float b, float got) {
  const double expected = silu(double(a)) * double(b);
  const double bound = 12 * UNIT * fabs(expected) + SMALLEST * (2 + (fabs(double(a)) + 1) * fabs(double(b)));
  const bool same = isnan(expected) ? isnan(got) : fabs(expected) > double(__FLT_MAX__) || isinf(a)
                                                       ? double(got) == expected || isinf(got)
                                                       : fabs(double(got) - expected) <= bound;
  CHECK(same, "%s: silu(%.9g) * %.9g at %zu: %.9g instead of %.9g", kernels.isa, double(a), double(b), at, double(got),
        expected);
}

void check_elementwise(const Kernels &kernels, ThreadPool &pool, size_t count, Random &random) {
  Guarded<float> a(count, 4), b(count, 8), sum(count, 12), product(count, 4);
  fill(a, count, -130, 130, random);
  fill(b, count, -3, 3, random);
  const float special[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-40f, -1e-40f, 3e38f, -3e38f, -87.5f, -103.9f};
  for (size_t i = 0; i < count; i++) {
    if (i % 3 == 0) a[i] /= 32;
    if (i % 7 == 1) a[i] = special[i / 7 % 11];
    if (i % 11 == 2) b[i] = special[i / 11 % 11];
  }
  add(*kernels.floats, pool, {a.data(), b.data(), sum.data(), count});
  silu_mul(*kernels.floats, pool, {a.data(), b.data(), product.data(), count});
  for (size_t i = 0; i < count; i++) {
    const float expected = a[i] + b[i];
    CHECK(isnan(expected) ? isnan(sum[i]) : sum[i] == expected, "%s: %g + %g", kernels.isa, double(a[i]), double(b[i]));
    if (isfinite(b[i])) check_at(kernels, i, a[i], b[i], product[i]);
  }
  // In place, over either.
  Guarded<float> first(count), second(count);
  memcpy(first.data(), a.data(), count * sizeof(float));
  memcpy(second.data(), b.data(), count * sizeof(float));
  add(*kernels.floats, pool, {first.data(), b.data(), first.data(), count});
  silu_mul(*kernels.floats, pool, {a.data(), second.data(), second.data(), count});
  CHECK(memcmp(first.data(), sum.data(), count * sizeof(float)) == 0, "%s: add in place", kernels.isa);
  CHECK(memcmp(second.data(), product.data(), count * sizeof(float)) == 0, "%s: silu_mul in place", kernels.isa);
  CHECK(sum.intact() && product.intact() && first.intact() && second.intact(), "%s: %zu elements write outside",
        kernels.isa, count);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    for (const size_t count : {1, 2, 7, 15, 16, 17, 33, 127, 129, 513, 16384, 16385, 100003}) {
      check_elementwise(kernels, pool, count, random);
    }
  });
  return report();
}

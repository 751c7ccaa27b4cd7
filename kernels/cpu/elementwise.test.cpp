// add is one f32 addition. silu_mul against f64: the exponential e is off by 4 u of itself (2 ulp, u = 2^-24), x · e by
// 1 more, 1 + e by less than 5 in all, and the quotient and the product add 1 each: 12 u. Below the normal numbers e is
// off by up to 2^-149, which x and b magnify, and each of three roundings by half of that.
//
// gelu_tanh_mul is the same but for the argument 2u = a · (c + d · a²) of the exponential: two constants, a square, a
// sum and a product, whose roundings all have the same sign at worst: 4 u of it, and so 4 u · |2u| of e. Beyond |2u| =
// 104 both are 0.
#include "elementwise.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

struct Gate {
  const char *name;
  decltype(&silu_mul) apply;
  // What the sigmoid is taken of.
  double (*argument)(double x);
  // Roundings of the argument, in u of itself.
  double argument_rounding;
};

constexpr Gate gates[] = {
    {"silu_mul", silu_mul, [](double x) { return x; }, 0},
    {"gelu_tanh_mul", gelu_tanh_mul, [](double x) { return 2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x); }, 4},
};

void check_at(const Kernels &kernels, const Gate &gate, size_t at, float a, float b, float got) {
  const double argument = gate.argument(double(a));
  const double expected = double(a) / (1 + exp(-argument)) * double(b);
  const double rounding = 12 + gate.argument_rounding * fmin(fabs(argument), 104);
  const double bound = rounding * UNIT * fabs(expected) + SMALLEST * (2 + (fabs(double(a)) + 1) * fabs(double(b)));
  const bool same = isnan(expected)                                    ? isnan(got)
                    : fabs(expected) > double(__FLT_MAX__) || isinf(a) ? double(got) == expected || isinf(got)
                                                                       : fabs(double(got) - expected) <= bound;
  CHECK(same, "%s: %s(%.9g, %.9g) at %zu: %.9g instead of %.9g", kernels.isa, gate.name, double(a), double(b), at,
        double(got), expected);
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
  for (size_t i = 0; i < count; i++) {
    const float expected = a[i] + b[i];
    CHECK(isnan(expected) ? isnan(sum[i]) : sum[i] == expected, "%s: %g + %g", kernels.isa, double(a[i]), double(b[i]));
  }
  // In place, over either.
  Guarded<float> first(count), second(count);
  memcpy(first.data(), a.data(), count * sizeof(float));
  add(*kernels.floats, pool, {first.data(), b.data(), first.data(), count});
  CHECK(memcmp(first.data(), sum.data(), count * sizeof(float)) == 0, "%s: add in place", kernels.isa);
  for (const Gate &gate : gates) {
    gate.apply(*kernels.floats, pool, {a.data(), b.data(), product.data(), count});
    for (size_t i = 0; i < count; i++) {
      if (isfinite(b[i])) check_at(kernels, gate, i, a[i], b[i], product[i]);
    }
    memcpy(second.data(), b.data(), count * sizeof(float));
    gate.apply(*kernels.floats, pool, {a.data(), second.data(), second.data(), count});
    CHECK(memcmp(second.data(), product.data(), count * sizeof(float)) == 0, "%s: %s in place", kernels.isa, gate.name);
  }
  CHECK(sum.intact() && product.intact() && first.intact() && second.intact(), "%s: %zu elements write outside",
        kernels.isa, count);
}

// The driver cuts the vector up; what float-tanh.test.cpp says of the kernel holds for each element.
void check_soft_cap(const Kernels &kernels, ThreadPool &pool, size_t count, Random &random) {
  Guarded<float> x(count, 4), expected(count);
  fill(x, count, -100, 100, random);
  memcpy(expected.data(), x.data(), count * sizeof(float));
  kernels.floats->soft_cap(expected.data(), count, 1.0f, 30.0f);
  soft_cap(*kernels.floats, pool, x.data(), count, 30.0f);
  CHECK(memcmp(x.data(), expected.data(), count * sizeof(float)) == 0, "%s: soft_cap of %zu", kernels.isa, count);
  CHECK(x.intact(), "%s: soft_cap of %zu writes outside", kernels.isa, count);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    for (const size_t count : {1, 2, 7, 15, 16, 17, 33, 127, 129, 513, 16384, 16385, 100003}) {
      check_elementwise(kernels, pool, count, random);
      check_soft_cap(kernels, pool, count, random);
    }
  });
  return report();
}

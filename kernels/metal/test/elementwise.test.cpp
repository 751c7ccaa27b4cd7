// add has the bits of one f32 sum. silu_mul and gelu_tanh_mul against f64: the exponential, 1 more for the sum with 1,
// the quotient and the product. The argument 2u = x · (c + d · x²) of gelu adds two constants, a square, a sum and a
// product, 4 roundings of it if all go one way, which the exponential turns into as many times its argument; where that
// is above 89 the result is 0 or x. An infinite exponential stands for one of at least 2^128, and so for a quotient of
// at most |x| · 2^-128. Arguments, quotients and products that are not normal become 0.
#include "launcher.h"
#include "tolerance.h"

#include "../parameters.h"

using namespace cider::test;

namespace {

struct Gate {
  const char *name;
  double (*argument)(double x); // what the sigmoid is taken of
  double argument_rounding;
};

constexpr Gate gates[] = {
    {"silu_mul", [](double x) { return x; }, 0},
    {"gelu_tanh_mul", [](double x) { return 2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x); }, 4},
};

void check_gate(const Gate &gate, float a, float b, float got) {
  const double x = double(a);
  const double argument = gate.argument(x);
  const double expected = x / (1 + exp(-argument)) * double(b);
  const double rounding = EXP_ROUNDING + 3 + gate.argument_rounding * fmin(fabs(argument), 89);
  const double bound =
      rounding * UNIT * fabs(expected) + SMALLEST_NORMAL * (2 + 2 * fabs(double(b)) + fabs(x) + fabs(x * double(b)));
  const bool may_overflow = fabs(expected) * (1 + rounding * UNIT) > double(__FLT_MAX__);
  CHECK(is_near(double(got), expected, bound) || (may_overflow && isinf(got)), "%s(%.9g, %.9g): %.9g instead of %.9g",
        gate.name, x, double(b), double(got), expected);
}

Grid groups_of(size_t count) { return {static_cast<uint32_t>((count + ELEMENT_THREADS - 1) / ELEMENT_THREADS)}; }

void copy(OnGpu<float> &to, const OnGpu<float> &from) { memcpy(to.data(), from.data(), from.size() * sizeof(float)); }

bool are_same(const OnGpu<float> &a, const OnGpu<float> &b) {
  for (size_t i = 0; i < a.size(); i++) {
    if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) return false;
  }
  return true;
}

void check_pairs(Kernels &kernels, uint32_t count, Random &random) {
  OnGpu<float> a(count), b(count), out(count), in_place(count);
  fill(a, -130, 130, random);
  fill(b, -3, 3, random);
  const float special[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-40f, -1e-40f, 3e38f, -3e38f, -87.5f, -88.9f};
  for (uint32_t i = 0; i < count; i++) {
    if (i % 3 == 0) a[i] /= 32;
    if (i % 7 == 1) a[i] = special[i / 7 % 11];
    if (i % 11 == 2) b[i] = special[i / 11 % 11];
  }
  const ElementwiseParameters parameters = {count, 0};
  const auto run = [&](const char *name) {
    kernels.run(name, groups_of(count), ELEMENT_THREADS, out, a, b, parameters);
    copy(in_place, a);
    kernels.run(name, groups_of(count), ELEMENT_THREADS, in_place, in_place, b, parameters);
    CHECK(are_same(out, in_place), "%s over its first operand", name);
    copy(in_place, b);
    kernels.run(name, groups_of(count), ELEMENT_THREADS, in_place, a, in_place, parameters);
    CHECK(are_same(out, in_place), "%s over its second operand", name);
  };
  run("add");
  for (uint32_t i = 0; i < count; i++) {
    const double expected = double(static_cast<float>(double(a[i]) + double(b[i])));
    const double flushed = fmin(fabs(double(a[i])), fabs(double(b[i]))) < SMALLEST_NORMAL ? SMALLEST_NORMAL : 0;
    CHECK(is_near(double(out[i]), expected, flushed), "%.9g + %.9g is %.9g", double(a[i]), double(b[i]),
          double(out[i]));
  }
  for (const Gate &gate : gates) {
    run(gate.name);
    for (uint32_t i = 0; i < count; i++) {
      if (isfinite(b[i])) check_gate(gate, a[i], b[i], out[i]);
    }
  }
}

void check_soft_cap(Kernels &kernels, uint32_t count, float cap, Random &random) {
  OnGpu<float> x(count), before(count);
  fill(x, -8 * cap, 8 * cap, random);
  const float special[] = {0.0f, NAN, INFINITY, -INFINITY, 1e-40f, 3e38f};
  for (uint32_t i = 0; i < count; i++) {
    if (i % 3 == 0) x[i] /= 128;
    if (i % 7 == 1) x[i] = special[i / 7 % 6];
  }
  copy(before, x);
  kernels.run("soft_cap", groups_of(count), ELEMENT_THREADS, x, ElementwiseParameters{count, cap});
  for (uint32_t i = 0; i < count; i++) {
    const double expected = capped(double(before[i]), cap);
    const double bound = CAP_ROUNDING * UNIT * fabs(expected) + SMALLEST_NORMAL * (2 + double(cap));
    CHECK(is_near(double(x[i]), expected, bound), "%.9g capped by %g: %.9g instead of %.9g", double(before[i]),
          double(cap), double(x[i]), expected);
  }
}

void check_all() {
  Kernels kernels({"elementwise.metal"});
  Random random(2);
  for (const uint32_t count : {1u, 2u, 33u, 255u, 256u, 257u, 5003u}) {
    check_pairs(kernels, count, random);
    check_soft_cap(kernels, count, 30, random);
    check_soft_cap(kernels, count, 0.5f, random);
  }
}

} // namespace

int main() { return in_each_order(check_all); }

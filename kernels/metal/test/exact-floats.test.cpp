// exact-floats.h on hardware that flushes subnormal numbers, against IEEE 754.
#include "edge-memory.h"
#include "../../cpu/integer-reference.h"

#include <math.h>

namespace cider::test {
namespace {

constexpr char KERNELS[] = R"(
kernel void exact_products(device const float *a [[buffer(0)]], device const float *b [[buffer(1)]],
                           device float *out [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  out[i] = exact_product(a[i], b[i]);
}
kernel void exact_sums(device const float *a [[buffer(0)]], device const float *b [[buffer(1)]],
                       device float *out [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  out[i] = exact_sum(a[i], b[i]);
}
)";

constexpr uint32_t COUNT = 1 << 16, THREADS = 256;

float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Any bits, with more of those that are special: zeros, subnormal numbers, powers of two, infinities, and NaN.
float any_float(Random &random) {
  const uint32_t bits = static_cast<uint32_t>(random.bits());
  switch (random.below(8)) {
  case 0:
    return float_of_bits(bits & 0x80000000);
  case 1:
    return float_of_bits(bits & 0x807fffff);
  case 2:
    return float_of_bits((bits & 0x80000000) | 1u << random.below(23));
  case 3:
    return float_of_bits(bits & 0xff800000);
  case 4:
    return float_of_bits((bits & 0x807fffff) | (1 + random.below(32)) << 23);
  case 5:
    return random.uniform(-2.0f, 2.0f);
  default:
    return float_of_bits(bits);
  }
}

// A partner with which the product comes near to the smallest normal number, or to where nothing is left.
float near_the_limit(Random &random, float a) {
  const float limit =
      ldexpf(random.uniform(0.9f, 1.1f), random.below(2) == 0 ? -126 : -149 - static_cast<int>(random.below(3)) + 1);
  const float b = limit / a;
  return random.below(2) == 0 ? b : -b;
}

// A partner that nearly cancels, or that is a little below or above.
float near_the_other(Random &random, float a) {
  uint32_t bits;
  memcpy(&bits, &a, sizeof bits);
  return float_of_bits((bits ^ (random.below(2) << 31)) + random.below(65) - 32);
}

using Partner = float (*)(Random &, float);
float any_partner(Random &random, float) { return any_float(random); }

void check(Kernels &kernels, const char *name, Partner partner, float (*operation)(float, float)) {
  Random random(7);
  AtEdge<float> a(COUNT), b(COUNT), out(COUNT);
  for (uint32_t i = 0; i < COUNT; i++) {
    a[i] = any_float(random);
    b[i] = partner(random, a[i]);
  }
  kernels.run(name, {COUNT / THREADS}, THREADS, a.bound(), b.bound(), out.bound());
  for (uint32_t i = 0; i < COUNT; i++) {
    const float expected = operation(a[i], b[i]);
    CHECK(same(out[i], expected), "%s(%a, %a) is %a, not %a", name, static_cast<double>(a[i]),
          static_cast<double>(b[i]), static_cast<double>(out[i]), static_cast<double>(expected));
  }
}

float product(float a, float b) { return a * b; }
float sum(float a, float b) { return a + b; }

void all() {
  add_source("exact-floats-kernels", KERNELS);
  Kernels kernels({"exact-floats.h", "exact-floats-kernels"});
  check(kernels, "exact_products", any_partner, product);
  check(kernels, "exact_products", near_the_limit, product);
  check(kernels, "exact_sums", any_partner, sum);
  check(kernels, "exact_sums", near_the_other, sum);
}

} // namespace
} // namespace cider::test

int main() { return cider::test::in_each_order(cider::test::all); }

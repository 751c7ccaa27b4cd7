// split_activations and split_bf16_gemm against f64.
//
// The first bf16, rounded to nearest, leaves up to 2^-8 of an f32, or a little less, of which the second leaves 2^-9 in
// the same way: 2^-17 in all, and twice that where the first is cut off lest it become an infinity. Products of bf16
// are exact; 2 K of them are summed, by each of two operations once more, and the bias: roundings of 2 units, as
// hardware need not round sums to nearest.
#include "float-weights.h"
#include "tolerance.h"

using namespace cider::test;

namespace {

constexpr unsigned long language_4_0 = 0x40000;

double bf16_value(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return double(value);
}

void split(Kernels &kernels, const OnGpu<float> &x, const OnGpu<uint16_t> &high, const OnGpu<uint16_t> &low) {
  const auto count = static_cast<uint32_t>(x.size());
  kernels.run("split_activations", {(count + ELEMENT_THREADS - 1) / ELEMENT_THREADS}, ELEMENT_THREADS, x, high, low,
              ElementwiseParameters{count, 0});
}

void check_split(Kernels &kernels, Random &random) {
  const uint32_t count = 5000;
  OnGpu<float> x(count);
  OnGpu<uint16_t> high(count), low(count);
  for (uint32_t i = 0; i < count; i++) {
    const auto bits = static_cast<uint32_t>(random.bits());
    memcpy(&x[i], &bits, sizeof bits);
  }
  const uint32_t special[] = {0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7f800001, 0x7fffffff, 0, 0x80000000};
  memcpy(x.data(), special, sizeof special);
  split(kernels, x, high, low);
  for (uint32_t i = 0; i < count; i++) {
    const double value = double(x[i]);
    const bool is_largest = fabs(value) > 0x1.fep127;
    const double bound = (is_largest ? 0x1p-16 : 0x1p-17) * fabs(value) + SMALLEST_NORMAL;
    CHECK(is_near(bf16_value(high[i]) + bf16_value(low[i]), value, bound), "%.9g became %.9g + %.9g", value,
          bf16_value(high[i]), bf16_value(low[i]));
  }
}

void check_layer(Kernels &kernels, const FloatLayer &layer, uint32_t m, bool spoil, Random &random) {
  const FloatWeights weights(layer, random);
  OnGpu<float> x(size_t{m} * layer.k), out(size_t{m} * layer.n);
  OnGpu<uint16_t> high(x.size()), low(x.size());
  fill(x, -1, 1, random);
  if (spoil) {
    x[layer.k - 1] = INFINITY;
    x[layer.k] = NAN;
  }
  split(kernels, x, high, low);
  weights.multiply_split(kernels, m, high, low, out);
  for (uint32_t row = 0; row < m; row++) {
    for (uint32_t n = 0; n < layer.n; n++) {
      double size;
      const double expected = weights.product(x, row, n, size) + weights.bias(n);
      const double bound =
          (0x1p-17 + 2 * (2 * layer.k + 3) * UNIT) * size + UNIT * fabs(expected) + 2 * layer.k * SMALLEST_NORMAL;
      const double got = double(out[size_t{row} * layer.n + n]);
      CHECK(is_near(got, expected, bound), "[%u, %u, %u], row %u, output %u: %.9g instead of %.9g", m, layer.n, layer.k,
            row, n, got, expected);
    }
  }
}

void check_all() {
  Kernels kernels({"float-gemm-tensors.metal"}, language_4_0);
  Random random(29);
  check_split(kernels, random);
  for (const bool is_aligned : {false, true}) {
    check_layer(kernels, {Elements::bf16, 1, 1, 0, is_aligned, false}, 1, false, random);
    check_layer(kernels, {Elements::bf16, 33, 129, 0, is_aligned, true}, 7, false, random);
    check_layer(kernels, {Elements::bf16, 64, 64, 0, is_aligned, true}, 64, false, random);
    check_layer(kernels, {Elements::bf16, 130, 513, 0, is_aligned, true}, 65, false, random);
    check_layer(kernels, {Elements::bf16, 70, 72, 0, is_aligned, true}, 3, true, random);
  }
}

} // namespace

int main() { return in_each_order(check_all); }

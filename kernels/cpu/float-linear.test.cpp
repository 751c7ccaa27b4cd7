// float_linear with every format against sums in f64.
//
// Small whole numbers make every sum exact, so that a missing or repeated term shows whatever the order is. For other
// numbers a sum of K products in any order, fused or not, and a bias are off by at most (K + 1) u Σ |x w|, u = 2^-24
// (Higham 2002, section 3.1). Codes add the roundings of scale · code + bias: |x| (|scale code| + |bias|) stands for
// |x w|, and three roundings more are allowed.
//
// Matrix units take an activation as two bf16 (float-split.h), which is off by at most 2^-18 of it, weights that are
// not bf16 likewise, and leave out the product of the two low parts, of at most 2^-18. They take every number below
// 2^-126 for 0: the two parts of each activation and weight, and the sums, of which there are fewer than 2 K. For K
// products that is at most 2^-126 K (2 |w| + 2 |x| + 2).
#include "float-linear.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

const FloatFormat formats[] = {FloatFormat::f32, FloatFormat::f16, FloatFormat::bf16, FloatFormat::affine8,
                               FloatFormat::affine4};

uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Bits of a number that the format holds exactly: of bf16 the upper half; of f16 for normal numbers.
uint16_t bf16_bits(float value) { return static_cast<uint16_t>(bits_of(value) >> 16); }
uint16_t f16_bits(float value) {
  if (value == 0) return 0;
  const uint32_t bits = bits_of(value);
  return static_cast<uint16_t>((bits >> 16 & 0x8000) | (((bits >> 23 & 0xff) - 127 + 15) << 10) | (bits >> 13 & 0x3ff));
}

// A layer, its weights in f64 and what the packers take.
struct Layer {
  Layer(const FloatShape &s, bool whole, Random &random)
      : shape(s), groups(s.group_size == 0 ? 1 : (s.k - 1) / s.group_size + 1), weights(size_t{s.n} * s.k),
        sizes(size_t{s.n} * s.k), data(size_t{s.n} * s.k * 4, 1), codes(size_t{s.n} * s.k),
        scales(size_t{s.n} * groups), biases(size_t{s.n} * groups), bias(s.n) {
    const bool affine = shape.format >= FloatFormat::affine8;
    for (size_t i = 0; i < size_t{s.n} * groups; i++) {
      scales[i] = whole ? 0.5f : random.uniform(0.001f, 0.02f);
      biases[i] = whole ? -3.5f : random.uniform(-0.2f, 0.05f);
    }
    for (uint32_t n = 0; n < s.n; n++) {
      bias[n] = whole ? static_cast<float>(random.below(9)) - 4 : random.uniform(-1, 1);
      for (uint32_t k = 0; k < s.k; k++) {
        const size_t at = size_t{n} * s.k + k;
        const size_t group = size_t{n} * groups + (s.group_size == 0 ? 0 : k / s.group_size);
        if (affine) {
          codes[at] = static_cast<uint8_t>(random.below(shape.format == FloatFormat::affine4 || whole ? 16 : 256));
          weights[at] = double(scales[group]) * codes[at] + double(biases[group]);
          sizes[at] = fabs(double(scales[group]) * codes[at]) + fabs(double(biases[group]));
          continue;
        }
        // 8 bits of fraction at most, for bf16.
        const float value = whole ? static_cast<float>(random.below(9)) - 4
                                  : static_cast<float>(static_cast<int32_t>(random.below(255)) - 127) * 0x1p-9f;
        weights[at] = double(value);
        sizes[at] = fabs(double(value));
        const uint16_t half = shape.format == FloatFormat::f16 ? f16_bits(value) : bf16_bits(value);
        if (shape.format == FloatFormat::f32) {
          memcpy(data.data() + at * 4, &value, 4);
        } else {
          memcpy(data.data() + at * 2, &half, 2);
        }
      }
    }
  }

  void pack(const FloatKernels &kernels, ThreadPool &pool, bool with_bias, void *packed) {
    const float *layer_bias = with_bias ? bias.data() : nullptr;
    if (shape.format >= FloatFormat::affine8) {
      affine_pack(kernels, pool, {shape, codes.data(), scales.data(), biases.data(), layer_bias, packed});
    } else {
      dense_pack(kernels, pool, {shape, data.data(), layer_bias, packed});
    }
  }

  FloatShape shape;
  uint32_t groups;
  Guarded<double> weights, sizes;
  Guarded<uint8_t> data, codes;
  Guarded<float> scales, biases, bias;
};

// Whether matrix units may be used.
bool may_split(const Kernels &kernels, FloatFormat format, uint32_t rows) {
  return kernels.floats->split != nullptr && format != FloatFormat::f32 && rows > 1;
}

// Largest errors of a product by the splitting of its factors, and of what is taken for 0.
struct Inputs {
  double relative, absolute;
};
Inputs inputs_of(const Kernels &kernels, FloatFormat format, uint32_t rows) {
  if (!may_split(kernels, format, rows)) return {0, SMALLEST};
  return {format == FloatFormat::bf16 ? 0x1p-18 : 3 * 0x1p-18, 0x1p-126};
}

// The result and the bound of its error.
struct Expected {
  double value, bound;
};

Expected expect(Layer &layer, const float *x, uint32_t n, bool with_bias, const Inputs &inputs) {
  const uint32_t k = layer.shape.k;
  double sum = with_bias ? double(layer.bias[n]) : 0;
  double size = fabs(sum);
  double ignored = 0;
  for (uint32_t i = 0; i < k; i++) {
    sum += double(x[i]) * layer.weights[size_t{n} * k + i];
    size += fabs(double(x[i])) * layer.sizes[size_t{n} * k + i];
    ignored += 2 * (layer.sizes[size_t{n} * k + i] + fabs(double(x[i])) + 1);
  }
  return {sum, ((k + 4) * UNIT + inputs.relative) * size + inputs.absolute * ignored};
}

struct Case {
  uint32_t rows, n, k, group_size;
};

// Activations: small whole numbers, which make the result exact, or others, of a size.
struct Activations {
  bool whole;
  float size;
};

void check_linear(const Kernels &kernels, ThreadPool &pool, const Case &c, FloatFormat format,
                  const Activations &activations, Random &random) {
  const auto &[whole, x_size] = activations;
  const auto &[rows, n, k, group_size] = c;
  const bool affine = format >= FloatFormat::affine8;
  Layer layer({n, k, format, affine ? group_size : 0}, whole, random);
  const bool with_bias = random.below(2) == 0;
  Guarded<uint8_t> packed(float_packed_bytes(*kernels.floats, layer.shape));
  layer.pack(*kernels.floats, pool, with_bias, packed.data());

  Guarded<float> x(size_t{rows} * k, 4), out(size_t{rows} * n, 12);
  for (size_t i = 0; i < size_t{rows} * k; i++) {
    x[i] = whole ? static_cast<float>(random.below(5)) - 2 : random.uniform(-x_size, x_size);
  }
  Guarded<uint8_t> scratch(float_linear_scratch_bytes(*kernels.floats, layer.shape, rows, pool.threads()), 3);
  float_linear(*kernels.floats, pool, {layer.shape, packed.data(), x.data(), rows, out.data(), scratch.data()});
  for (uint32_t m = 0; m < rows; m++) {
    // All columns of the first row; of the others a different part of the columns each.
    for (uint32_t j = m % 17; j < n; j += m == 0 ? 1 : 17) {
      const Expected expected = expect(layer, x.data() + size_t{m} * k, j, with_bias, inputs_of(kernels, format, rows));
      const double got = double(out[size_t{m} * n + j]);
      CHECK(fabs(got - expected.value) <= (whole ? 0 : expected.bound),
            "%s, %u threads, format %u, [%u, %u, %u] group %u at [%u, %u]: %.9g instead of %.9g", kernels.isa,
            pool.threads(), unsigned(format), rows, n, k, group_size, m, j, got, expected.value);
    }
  }
  CHECK(out.intact() && packed.intact() && scratch.intact(), "%s: format %u, [%u, %u, %u] writes outside", kernels.isa,
        unsigned(format), rows, n, k);
}

// The largest number, which has no room to be rounded up, does not become infinite.
void check_largest(const Kernels &kernels, ThreadPool &pool, FloatFormat format, Random &random) {
  constexpr uint32_t rows = 36, n = 33, k = 40;
  Layer layer({n, k, format, 0}, false, random); // of weights below 1
  Guarded<uint8_t> packed(float_packed_bytes(*kernels.floats, layer.shape));
  layer.pack(*kernels.floats, pool, false, packed.data());
  Guarded<float> x(size_t{rows} * k), out(size_t{rows} * n);
  for (uint32_t i = 0; i < rows * k; i++) x[i] = i % (k + 1) == 0 ? 0x1.fffffep+127f : 0.0f;
  Guarded<uint8_t> scratch(float_linear_scratch_bytes(*kernels.floats, layer.shape, rows, pool.threads()));
  float_linear(*kernels.floats, pool, {layer.shape, packed.data(), x.data(), rows, out.data(), scratch.data()});
  for (uint32_t i = 0; i < rows * n; i++) {
    const Expected expected = expect(layer, x.data() + i / n * k, i % n, false, inputs_of(kernels, format, rows));
    CHECK(fabs(double(out[i]) - expected.value) <= expected.bound, "%s: format %u, output %u: %g instead of %g",
          kernels.isa, unsigned(format), i, double(out[i]), expected.value);
  }
}

// NaN and infinity reach the outputs that f64 arithmetic gives them, and no other row. Where weights are split an
// infinity may become NaN, by its product with a low part.
void check_non_finite(const Kernels &kernels, ThreadPool &pool, FloatFormat format, uint32_t rows, float value,
                      Random &random) {
  Layer layer({37, 70, format, 32}, true, random);
  Guarded<uint8_t> packed(float_packed_bytes(*kernels.floats, layer.shape));
  layer.pack(*kernels.floats, pool, true, packed.data());
  Guarded<float> x(size_t{rows} * 70), out(size_t{rows} * 37);
  for (size_t i = 0; i < size_t{rows} * 70; i++) x[i] = static_cast<float>(random.below(5)) - 2;
  x[size_t{rows / 2} * 70 + 33] = value;
  Guarded<uint8_t> scratch(float_linear_scratch_bytes(*kernels.floats, layer.shape, rows, pool.threads()));
  float_linear(*kernels.floats, pool, {layer.shape, packed.data(), x.data(), rows, out.data(), scratch.data()});
  for (uint32_t m = 0; m < rows; m++) {
    for (uint32_t n = 0; n < 37; n++) {
      const double expected = expect(layer, x.data() + size_t{m} * 70, n, true, {}).value;
      const double got = double(out[size_t{m} * 37 + n]);
      const bool may_be_nan = isinf(expected) && format != FloatFormat::bf16 && may_split(kernels, format, rows);
      CHECK(isnan(expected) ? isnan(got) : got == expected || (may_be_nan && isnan(got)),
            "%s: format %u, %u rows, x = %g at [%u, %u]: %g for %g", kernels.isa, unsigned(format), rows, double(value),
            m, n, got, expected);
    }
  }
}

} // namespace

int main() {
  const Case cases[] = {
      {1, 1, 1, 0},       {2, 7, 33, 32},     {7, 33, 127, 64},  {31, 127, 129, 128}, {32, 129, 513, 128},
      {33, 513, 576, 64}, {64, 896, 129, 0},  {65, 129, 896, 5}, {128, 64, 1025, 64}, {129, 65, 257, 300},
      {1, 4097, 576, 64}, {1, 129, 4097, 64}, {1, 33, 127, 5},   {1, 576, 1025, 0},   {300, 40, 70, 32},
      {2, 2, 4097, 1000}, {14, 32, 256, 256}, {6, 16, 2, 1},
  };
  for_each_setting([&](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    for (const FloatFormat format : formats) {
      for (const Case &c : cases) {
        check_linear(kernels, pool, c, format, {true, 0}, random);
        check_linear(kernels, pool, c, format, {false, 2}, random);
      }
      // Numbers whose parts are subnormal, and that are so themselves.
      check_linear(kernels, pool, {35, 33, 70, 32}, format, {false, 0x1p-118f}, random);
      check_linear(kernels, pool, {35, 33, 70, 32}, format, {false, 0x1p-127f}, random);
      if (format < FloatFormat::affine8) check_largest(kernels, pool, format, random);
      for (const uint32_t rows : {1u, 5u, 40u}) {
        for (const float value : {NAN, INFINITY, -INFINITY}) {
          check_non_finite(kernels, pool, format, rows, value, random);
        }
      }
    }
  });
  return report();
}

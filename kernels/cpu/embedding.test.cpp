// Rows of packed tables are exactly those that were packed.
#include "embedding.h"

#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

// f32 of the bits of an element, by the definition of the formats.
double value_of(FloatFormat format, const uint8_t *data, size_t i) {
  if (format == FloatFormat::f32) {
    float value;
    memcpy(&value, data + i * 4, 4);
    return double(value);
  }
  uint16_t bits;
  memcpy(&bits, data + i * 2, 2);
  const int exponent_bits = format == FloatFormat::f16 ? 5 : 8;
  const int fraction_bits = 15 - exponent_bits;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const double sign = bits & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1) return fraction != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * ldexp(fraction, 1 - bias - fraction_bits);
  return sign * ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

void check_embedding(const Kernels &kernels, ThreadPool &pool, FloatFormat format, uint32_t n, uint32_t k,
                     Random &random) {
  const uint32_t bytes = format == FloatFormat::f32 ? 4 : 2;
  Guarded<uint8_t> data(size_t{n} * k * bytes, 1);
  for (size_t i = 0; i < size_t{n} * k * bytes; i++) data[i] = static_cast<uint8_t>(random.bits());
  const FloatShape shape = {n, k, format, 0};
  Guarded<uint8_t> packed(float_packed_bytes(*kernels.floats, shape));
  Guarded<float> bias(n);
  fill(bias, n, 1, 2, random);
  dense_pack(*kernels.floats, pool, {shape, data.data(), bias.data(), packed.data()});

  const uint32_t count = 9;
  int32_t ids[count];
  for (uint32_t i = 0; i < count; i++) ids[i] = static_cast<int32_t>(i == 0 ? n - 1 : random.below(n));
  Guarded<float> out(size_t{count} * k, 4);
  // 1 leaves every bit as it is.
  const float scale = k % 2 == 0 ? 1.7f : 1.0f;
  embedding(*kernels.floats, pool, {shape, packed.data(), ids, count, scale, out.data()});
  for (uint32_t row = 0; row < count; row++) {
    for (uint32_t i = 0; i < k; i++) {
      const double stored = value_of(format, data.data(), size_t(ids[row]) * k + i);
      const double expected = double(static_cast<float>(stored) * scale);
      const double got = double(out[size_t{row} * k + i]);
      CHECK(isnan(expected) ? isnan(got) : got == expected, "%s: format %u, row %d, element %u: %g instead of %g",
            kernels.isa, unsigned(format), ids[row], i, got, expected);
    }
  }
  CHECK(out.intact() && packed.intact(), "%s: [%u, %u] writes outside", kernels.isa, n, k);
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(11);
    for (const FloatFormat format : {FloatFormat::f32, FloatFormat::f16, FloatFormat::bf16}) {
      check_embedding(kernels, pool, format, 1, 1, random);
      check_embedding(kernels, pool, format, 33, 7, random);
      check_embedding(kernels, pool, format, 100, 257, random);
      check_embedding(kernels, pool, format, 131, 576, random);
    }
  });
  return report();
}

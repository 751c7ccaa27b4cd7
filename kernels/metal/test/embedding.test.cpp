// embedding gives the bits of one f32 product, and without a scale those of the element, subnormal ones included.
#include "launcher.h"

#include "../parameters.h"

#include <math.h>

using namespace cider::test;

namespace {

constexpr uint32_t table_rows = 5;

float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// What bits of f16 stand for.
double half_value(uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const int mantissa = bits & 1023;
  const double size = exponent == 0    ? ldexp(mantissa, -24)
                      : exponent == 31 ? (mantissa == 0 ? double(INFINITY) : double(NAN))
                                       : ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

void check_row(const char *name, const float *expected, const float *got, uint32_t columns, float scale) {
  for (uint32_t i = 0; i < columns; i++) {
    const float product = scale == 1 ? expected[i] : static_cast<float>(double(expected[i]) * double(scale));
    // What is not normal before or after a product may be 0.
    const bool is_flushed = scale != 1 && fminf(fabsf(expected[i]), fabsf(product)) < 0x1p-126f && got[i] == 0;
    const bool holds = isnan(product) ? isnan(got[i]) : is_flushed || memcmp(&product, &got[i], sizeof product) == 0;
    CHECK(holds, "%s: %.9g · %g is %.9g", name, double(expected[i]), double(scale), double(got[i]));
  }
}

// Tables of random bits: all kinds of numbers. `padding` are bytes between rows.
template <class Bits, class Widen>
void check_table(Kernels &kernels, const char *name, uint32_t columns, uint32_t padding, float scale, Widen widen,
                 Random &random) {
  const uint32_t stride = columns * sizeof(Bits) + padding;
  OnGpu<uint8_t> table(size_t{table_rows} * stride);
  for (size_t i = 0; i < table.size(); i++) table[i] = static_cast<uint8_t>(random.bits());
  const uint32_t count = 7;
  OnGpu<int32_t> ids(count);
  OnGpu<float> out(size_t{count} * columns);
  for (uint32_t i = 0; i < count; i++)
    ids[i] = static_cast<int32_t>(i == 0 ? table_rows - 1 : random.below(table_rows));
  const Grid groups = {(columns + ELEMENT_THREADS - 1) / ELEMENT_THREADS, count};
  kernels.run(name, groups, ELEMENT_THREADS, out, table, ids, EmbeddingParameters{columns, stride, scale});
  Guarded<float> expected(columns);
  for (uint32_t row = 0; row < count; row++) {
    for (uint32_t i = 0; i < columns; i++) {
      Bits bits;
      memcpy(&bits, table.data() + size_t(ids[row]) * stride + i * sizeof(Bits), sizeof bits);
      expected[i] = widen(bits);
    }
    check_row(name, expected.data(), out.data() + size_t{row} * columns, columns, scale);
  }
}

void check_all() {
  Kernels kernels({"embedding.metal"});
  Random random(5);
  for (const uint32_t columns : {1u, 7u, 255u, 256u, 257u, 576u}) {
    for (const float scale : {1.0f, 24.0f}) {
      const uint32_t padding = columns == 7 ? 4 : 0;
      check_table<uint32_t>(kernels, "embedding_f32", columns, padding, scale, float_of_bits, random);
      check_table<uint16_t>(
          kernels, "embedding_f16", columns, padding, scale,
          [](uint16_t bits) { return static_cast<float>(half_value(bits)); }, random);
      check_table<uint16_t>(
          kernels, "embedding_bf16", columns, padding, scale,
          [](uint16_t bits) { return float_of_bits(uint32_t{bits} << 16); }, random);
    }
  }
}

} // namespace

int main() { return in_each_order(check_all); }

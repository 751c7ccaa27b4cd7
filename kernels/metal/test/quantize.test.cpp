// Activations to codes and scales, bit by bit.
#include "quantized-rows.h"

#include <math.h>

namespace cider::test {
namespace {

constexpr uint32_t COLUMNS[] = {1, 2, 3, 4, 5, 7, 31, 32, 33, 127, 513, 896, 1023, 1024, 1025, 4097};

float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// One magnitude of each exponent, and those of which there is only one.
void test_sizes(Kernels &kernels) {
  Random random(1);
  for (const uint32_t columns : COLUMNS) {
    QuantizedRows rows(12, columns);
    for (uint32_t i = 0; i < 12; i++) {
      const float size = float_of_bits((random.below(254) + 1) << 23);
      for (uint32_t k = 0; k < columns; k++) rows.row(i)[k] = size * random.uniform(-1.0f, 1.0f);
    }
    memset(rows.row(0), 0, columns * sizeof(float));
    for (uint32_t k = 0; k < columns; k++) rows.row(1)[k] = -0.0f;
    rows.row(2)[columns - 1] = NAN;
    rows.row(3)[random.below(columns)] = INFINITY;
    rows.row(4)[0] = -INFINITY;
    for (uint32_t k = 0; k < columns; k++) rows.row(5)[k] = random.uniform(-1.0f, 1.0f) * 0x1p-130f;
    for (uint32_t k = 0; k < columns; k++) rows.row(6)[k] = k % 2 == 0 ? 3.0f : -3.0f;
    rows.row(7)[columns / 2] = 3.4e38f;
    rows.check(kernels, "sizes");
  }
}

// The smallest rows that have a scale, and how large what is subnormal in them gets.
void test_smallest_rows(Kernels &kernels) {
  constexpr uint32_t smallest = 0x03fe0000; // of 127 * 2^-126
  QuantizedRows rows(64, 40);
  Random random(2);
  for (uint32_t i = 0; i < 64; i++) {
    const uint32_t absmax = i < 32 ? smallest - 16 + i : smallest + random.below(1 << 23);
    for (uint32_t k = 0; k < 40; k++) {
      const uint32_t sign = random.below(2) << 31;
      rows.row(i)[k] = float_of_bits(sign | (k % 2 == 0 ? random.below(0x00800000) : random.below(absmax)));
    }
    rows.row(i)[i % 40] = float_of_bits(absmax | (i % 2 << 31));
  }
  rows.check(kernels, "smallest rows");
}

constexpr char ROW_SCALES[] = R"(
kernel void row_scales(device const uint *absmax_bits [[buffer(0)]], device float *scales [[buffer(1)]],
                       device float *factors [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  const RowScale scale = row_scale(absmax_bits[i]);
  scales[i] = scale.scale;
  factors[i] = scale.factor;
}
)";

// Scales and factors of any mantissa: the quotients are rounded like divisions.
void test_quotients(Kernels &kernels) {
  constexpr uint32_t count = 1 << 16, threads = 256;
  Random random(3);
  AtEdge<uint32_t> absmax_bits(count);
  AtEdge<float> scales(count), factors(count);
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t mantissa = i < 64    ? 0x7e0000 - 32 + i // where quotients gain or lose a bit
                              : i < 96  ? i - 64
                              : i < 128 ? 0x7fffff - (i - 96)
                                        : random.below(1 << 23);
    absmax_bits[i] = (8 + random.below(247)) << 23 | mantissa;
  }
  kernels.run("row_scales", {count / threads}, threads, absmax_bits.bound(), scales.bound(), factors.bound());
  for (uint32_t i = 0; i < count; i++) {
    const float absmax = float_of_bits(absmax_bits[i]);
    CHECK(same(scales[i], absmax / 127.0f), "scale of %a is %a, not %a", static_cast<double>(absmax),
          static_cast<double>(scales[i]), static_cast<double>(absmax / 127.0f));
    CHECK(same(factors[i], 127.0f / absmax), "factor of %a is %a, not %a", static_cast<double>(absmax),
          static_cast<double>(factors[i]), static_cast<double>(127.0f / absmax));
  }
}

// Elements in the middle between two codes.
void test_ties(Kernels &kernels) {
  constexpr uint32_t columns = 254;
  QuantizedRows rows(8, columns);
  Random random(4);
  for (uint32_t i = 0; i < 8; i++) {
    const float absmax = i == 0 ? 127.0f : random.uniform(0.5f, 1.0f);
    for (uint32_t k = 0; k < columns; k++) rows.row(i)[k] = absmax * (static_cast<float>(k) - 126.5f) / 127.0f;
    rows.row(i)[7] = absmax;
  }
  rows.check(kernels, "ties");
}

void all() {
  add_source("row-scales", ROW_SCALES);
  Kernels kernels({"quantize.metal", "row-scales"});
  test_sizes(kernels);
  test_smallest_rows(kernels);
  test_quotients(kernels);
  test_ties(kernels);
}

} // namespace
} // namespace cider::test

int main() { return cider::test::in_each_order(cider::test::all); }

// Integer linear layers of every instruction set that this machine runs, against docs/numerics.md written down naively.
#include "integer-linear.h"

#include <math.h>

#include <initializer_list>

#include "integer-kernels.h"
#include "integer-reference.h"
#include "kernel-table.h"
#include "quantize.h"
#include "test.h"
#include "thread-pool.h"

namespace cider {
namespace {

using test::dot_product;
using test::Guarded;
using test::quantize_row;
using test::Random;
using test::same;

constexpr uint32_t FEATURES[] = {1, 2, 7, 33, 127, 129, 513, 576, 896, 1025, 4097};
constexpr uint32_t ROWS[] = {1, 2, 7, 31, 32, 33, 64, 65, 128, 129};
constexpr uint32_t GROUP_SIZES[] = {0, 128, 64, 32, 100, 0, 7, 1};
constexpr uint32_t MAX_THREADS = 3;
constexpr uint32_t MAX_K = 131071;

ThreadPool *pools[MAX_THREADS]; // of 1, 2, … threads

struct Layer {
  IntegerShape shape;
  const int8_t *codes; // [N, K]
  const float *scales; // [N, groups]
  const float *bias;   // [N] or null
};

// One output of a row x [K] that became codes [K] and a scale.
float layer_output(const Layer &layer, const int8_t *codes, float row_scale, uint32_t output) {
  const auto [n, k, group_size, bits] = layer.shape;
  return test::integer_output({n, k, group_size, groups_per_row(k, group_size), layer.codes, layer.scales, layer.bias},
                              codes, row_scale, output);
}

// ---- cases ----

enum class Values { RANDOM, EXTREME, ZERO, MIXED };

// Rows x [rows, k]. MIXED: some are zero, subnormal, huge, or hold a NaN or an infinity.
void fill_rows(Random &random, Values values, float *x, uint32_t rows, uint32_t k) {
  for (uint32_t row = 0; row < rows; row++, x += k) {
    const float size = expf(random.uniform(-3.0f, 3.0f));
    for (uint32_t i = 0; i < k; i++) {
      switch (values) {
      case Values::RANDOM:
      case Values::MIXED:
        x[i] = size * random.uniform(-1.0f, 1.0f);
        break;
      case Values::EXTREME:
        x[i] = row % 2 == 0 ? 3.0f : -3.0f;
        break;
      case Values::ZERO:
        x[i] = i % 2 == 0 ? 0.0f : -0.0f;
        break;
      }
    }
    if (values != Values::MIXED) continue;
    const float tiny = 0x1p-140f, huge = 3.0e38f;
    const float special[] = {NAN, INFINITY, -INFINITY};
    switch (row % 6) {
    case 0:
      x[random.below(k)] = special[random.below(3)];
      break;
    case 1:
      for (uint32_t i = 0; i < k; i++) x[i] *= tiny;
      break;
    case 2:
      x[random.below(k)] = huge;
      break;
    case 3:
      memset(x, 0, k * sizeof(float));
      break;
    }
  }
}

// Codes [n, k]. EXTREME: the lowest or the highest, by rows.
void fill_codes(Random &random, Values values, uint32_t bits, int8_t *codes, uint32_t n, uint32_t k) {
  const int32_t codes_of_width = 1 << bits;
  for (size_t i = 0; i < size_t{n} * k; i++) {
    const bool high = i / k % 2 == 1;
    const int32_t above = values != Values::EXTREME ? static_cast<int32_t>(random.below(1u << bits))
                          : high                    ? codes_of_width - 1
                                                    : 0;
    codes[i] = static_cast<int8_t>(above - codes_of_width / 2);
  }
}

const char *describe(const Kernels &kernels, const Layer &layer, uint32_t rows, uint32_t threads) {
  static char text[160];
  snprintf(text, sizeof text, "%s, M=%u N=%u K=%u group=%u bits=%u threads=%u", kernels.isa, rows, layer.shape.n,
           layer.shape.k, layer.shape.group_size, layer.shape.bits, threads);
  return text;
}

// Every instruction set and number of threads gives `expected`, bit by bit.
void check_layer(const Layer &layer, const float *x, uint32_t rows, const float *expected, size_t misalignment) {
  const auto [n, k, group_size, bits] = layer.shape;
  Guarded<float> unaligned_x(size_t{rows} * k, misalignment);
  memcpy(unaligned_x.data(), x, size_t{rows} * k * sizeof(float));
  const KernelList list = runnable_kernels();
  for (uint32_t i = 0; i < list.count; i++) {
    const Kernels &kernels = list.items[i];
    for (uint32_t threads = 1; threads <= MAX_THREADS; threads++) {
      ThreadPool &pool = *pools[threads - 1];
      Guarded<uint8_t> packed(integer_packed_bytes(*kernels.integer, layer.shape));
      integer_pack(*kernels.integer, pool, {layer.shape, layer.codes, layer.scales, layer.bias, packed.data()});
      Guarded<uint8_t> scratch(integer_linear_scratch_bytes(*kernels.integer, layer.shape, rows, threads),
                               misalignment);
      Guarded<float> out(size_t{rows} * n, misalignment);
      integer_linear(*kernels.integer, *kernels.quantize, pool,
                     {layer.shape, packed.data(), unaligned_x.data(), rows, out.data(), true, scratch.data()});
      size_t wrong = 0;
      while (wrong < size_t{rows} * n && same(out[wrong], expected[wrong])) wrong++;
      CHECK(wrong == size_t{rows} * n, "%s: out[%zu, %zu] is %.9g, not %.9g", describe(kernels, layer, rows, threads),
            wrong / n, wrong % n, static_cast<double>(out[wrong]), static_cast<double>(expected[wrong]));
      CHECK(packed.intact(), "%s: wrote past the packed weight", describe(kernels, layer, rows, threads));
      CHECK(scratch.intact(), "%s: wrote past the scratch", describe(kernels, layer, rows, threads));
      CHECK(out.intact(), "%s: wrote past the output", describe(kernels, layer, rows, threads));
    }
  }
}

void test_layer(uint64_t seed, const IntegerShape &shape, uint32_t rows, Values values) {
  const auto [n, k, group_size, bits] = shape;
  Random random(seed);
  const uint32_t groups = groups_per_row(k, group_size);
  Guarded<float> x(size_t{rows} * k), scales(size_t{n} * groups), bias(n), expected(size_t{rows} * n);
  Guarded<int8_t> codes(size_t{n} * k), row_codes(k);
  fill_rows(random, values, x.data(), rows, k);
  fill_codes(random, values, bits, codes.data(), n, k);
  for (size_t i = 0; i < size_t{n} * groups; i++) scales[i] = random.uniform(-0.01f, 0.01f);
  for (uint32_t i = 0; i < n; i++) bias[i] = random.uniform(-1.0f, 1.0f);
  const Layer layer = {shape, codes.data(), scales.data(), seed % 2 == 0 ? bias.data() : nullptr};
  for (uint32_t row = 0; row < rows; row++) {
    const float scale = quantize_row(x.data() + size_t{row} * k, k, row_codes.data());
    for (uint32_t i = 0; i < n; i++) expected[size_t{row} * n + i] = layer_output(layer, row_codes.data(), scale, i);
  }
  check_layer(layer, x.data(), rows, expected.data(), seed % 3 * sizeof(float));
}

// Each pair of K and N, with rows, groups and widths that go round.
void test_layers() {
  constexpr uint32_t LARGEST_PRODUCT = 1 << 22; // so that the naive sums take no longer than all the rest
  uint32_t at = 0;
  for (const uint32_t k : FEATURES) {
    for (const uint32_t n : FEATURES) {
      at++;
      const uint32_t rows = ROWS[at % 10];
      if (uint64_t{rows} * n * k <= LARGEST_PRODUCT || rows <= 2) {
        test_layer(at, {n, k, GROUP_SIZES[at % 8], at % 3 == 0 ? 4u : 8u}, rows, Values::RANDOM);
        test_layer(at, {n, k, GROUP_SIZES[at % 7], at % 3 == 1 ? 4u : 8u}, rows, Values::MIXED);
      }
    }
  }
  for (const uint32_t rows : ROWS) {
    for (const uint32_t group_size : GROUP_SIZES) {
      for (const uint32_t bits : {8u, 4u}) {
        test_layer(++at, {67, 257, group_size, bits}, rows, Values::MIXED);
      }
    }
  }
  for (uint32_t rows = 1; rows <= 16; rows++)
    test_layer(++at, {40, 200, 64, rows % 2 == 0 ? 4u : 8u}, rows, Values::ZERO);
  // Sums beyond 2^24 are rounded when they become floats.
  for (const uint32_t bits : {8u, 4u}) {
    test_layer(++at, {33, 4097, 0, bits}, 15, Values::EXTREME);
    test_layer(++at, {33, 4097, 4000, bits}, 15, Values::EXTREME);
    test_layer(++at, {2, MAX_K, 0, bits}, 3, Values::EXTREME);
  }
  // A group as long as the row rounds like a group.
  test_layer(++at, {35, 128, 128, 8}, 9, Values::RANDOM);
  test_layer(++at, {35, 128, 500, 8}, 9, Values::RANDOM);
}

// Several chunks of rows, also of unequal numbers of tiles.
void test_chunks() {
  test_layer(1, {5, 4096, 0, 8}, 700, Values::RANDOM);
  for (const uint32_t rows : {13u, 25u, 29u, 57u}) test_layer(rows, {3, 17'000, 0, 8}, rows, Values::RANDOM);
  // Wide and aligned enough for stores that go around the caches.
  for (const uint32_t bits : {8u, 4u})
    for (const uint32_t group_size : {0u, 32u, 64u})
      for (const uint32_t rows : {32u, 65u, 128u}) test_layer(3, {2112, 97, group_size, bits}, rows, Values::MIXED);
}

// Few large activations among many small ones.
void fill_uneven(Random &random, float *x, uint32_t k) {
  for (uint32_t i = 0; i < k; i++) x[i] = random.uniform(-1.0f, 1.0f) * (random.below(20) == 0 ? 1000.0f : 1.0f);
}

void test_vector(uint64_t seed, const IntegerShape &shape) {
  const auto [n, k, group_size, bits] = shape;
  Random random(seed);
  const uint32_t groups = groups_per_row(k, group_size);
  Guarded<float> x(k, 4), scales(size_t{n} * groups), bias(n);
  Guarded<int8_t> codes(size_t{n} * k);
  fill_uneven(random, x.data(), k);
  fill_codes(random, Values::RANDOM, bits, codes.data(), n, k);
  for (size_t i = 0; i < size_t{n} * groups; i++) scales[i] = random.uniform(-0.01f, 0.01f);
  for (uint32_t i = 0; i < n; i++) bias[i] = random.uniform(-1.0f, 1.0f);
  double largest = 0;
  for (uint32_t i = 0; i < k; i++) largest = fmax(largest, fabs(static_cast<double>(x[i])));
  const Layer layer = {shape, codes.data(), scales.data(), seed % 2 == 0 ? bias.data() : nullptr};
  const KernelList list = runnable_kernels();
  for (uint32_t i = 0; i < list.count; i++) {
    const Kernels &kernels = list.items[i];
    for (uint32_t threads = 1; threads <= MAX_THREADS; threads++) {
      ThreadPool &pool = *pools[threads - 1];
      Guarded<uint8_t> packed(integer_packed_bytes(*kernels.integer, shape));
      integer_pack(*kernels.integer, pool, {shape, layer.codes, layer.scales, layer.bias, packed.data()});
      Guarded<uint8_t> scratch(integer_linear_scratch_bytes(*kernels.integer, shape, 1, threads), seed % 64);
      Guarded<float> out(n, 4);
      integer_linear(*kernels.integer, *kernels.quantize, pool,
                     {shape, packed.data(), x.data(), 1, out.data(), false, scratch.data()});
      for (uint32_t output = 0; output < n; output++) {
        double sum = layer.bias ? static_cast<double>(bias[output]) : 0.0;
        double magnitude = fabs(sum), weights = 0;
        for (uint32_t at = 0; at < k; at++) {
          const uint32_t group = group_size == 0 ? 0 : at / group_size;
          const double weight = static_cast<double>(codes[size_t{output} * k + at]) *
                                static_cast<double>(scales[size_t{output} * groups + group]);
          const double term = weight * static_cast<double>(x[at]);
          sum += term;
          magnitude += fabs(term);
          weights += fabs(weight);
        }
        // In any order, a term goes through its own rounding, that of its scale, and at most K + 1 additions. Where
        // activations are in fixed point, each may be off by half of its last place, 1 / (127 · 2^16) of the largest.
        const double tolerance = (k + 3) * 0x1p-24 * 1.01 * magnitude + largest / (127 << 17) * weights;
        CHECK(fabs(static_cast<double>(out[output]) - sum) <= tolerance, "%s: out[%u] is %.9g, not %.9g",
              describe(kernels, layer, 1, threads), output, static_cast<double>(out[output]), sum);
      }
      CHECK(scratch.intact(), "%s: wrote past the scratch", describe(kernels, layer, 1, threads));
      CHECK(out.intact(), "%s: wrote past the output", describe(kernels, layer, 1, threads));
    }
  }
}

// What is not finite among the activations stays visible in every output.
void test_vector_not_finite() {
  const IntegerShape shape = {33, 600, 128, 8};
  Random random(1);
  const size_t scale_count = size_t{shape.n} * groups_per_row(shape.k, shape.group_size);
  const size_t code_count = size_t{shape.n} * shape.k;
  Guarded<float> x(shape.k), scales(scale_count), out(shape.n);
  Guarded<int8_t> codes(code_count);
  for (size_t i = 0; i < code_count; i++) codes.data()[i] = static_cast<int8_t>(1 + random.below(100));
  for (size_t i = 0; i < scale_count; i++) scales.data()[i] = 0.01f;
  const KernelList list = runnable_kernels();
  for (uint32_t i = 0; i < list.count; i++) {
    const Kernels &kernels = list.items[i];
    Guarded<uint8_t> packed(integer_packed_bytes(*kernels.integer, shape));
    Guarded<uint8_t> scratch(integer_linear_scratch_bytes(*kernels.integer, shape, 1, 1));
    integer_pack(*kernels.integer, *pools[0], {shape, codes.data(), scales.data(), nullptr, packed.data()});
    for (const uint32_t at : {0u, 255u, 256u, 599u}) {
      for (const float value : {NAN, INFINITY, -INFINITY}) {
        for (uint32_t k = 0; k < shape.k; k++) x[k] = k == at ? value : 1.0f;
        integer_linear(*kernels.integer, *kernels.quantize, *pools[0],
                       {shape, packed.data(), x.data(), 1, out.data(), false, scratch.data()});
        uint32_t finite = 0;
        for (uint32_t output = 0; output < shape.n; output++) finite += isfinite(out[output]) ? 1 : 0;
        CHECK(finite == 0, "%s: x[%u] is %g, and %u outputs are finite", kernels.isa, at, static_cast<double>(value),
              finite);
      }
    }
  }
}

void test_vectors() {
  uint32_t at = 0;
  for (const uint32_t k : FEATURES) {
    for (const uint32_t n : {1u, 33u, 129u}) {
      for (const uint32_t bits : {8u, 4u}) {
        at++;
        test_vector(at, {n, k, 0, bits});
        test_vector(at, {n, k, GROUP_SIZES[at % 8], bits});
      }
    }
  }
}

void test_matmul(uint64_t seed, uint32_t m, uint32_t n, uint32_t k, bool extreme) {
  Random random(seed);
  Guarded<int8_t> a(size_t{m} * k, seed % 5), b(size_t{n} * k, seed % 7);
  for (size_t i = 0; i < size_t{m} * k; i++) a[i] = static_cast<int8_t>(extreme ? -128 : random.bits());
  for (size_t i = 0; i < size_t{n} * k; i++) {
    b[i] = static_cast<int8_t>(!extreme ? random.bits() : i / k % 2 == 0 ? -128 : 127);
  }
  const KernelList list = runnable_kernels();
  for (uint32_t i = 0; i < list.count; i++) {
    const Kernels &kernels = list.items[i];
    for (uint32_t threads = 1; threads <= MAX_THREADS; threads++) {
      Guarded<uint8_t> scratch(integer_matmul_scratch_bytes(*kernels.integer, m, n, k, threads), seed % 64);
      Guarded<int32_t> out(size_t{m} * n, 4);
      integer_matmul(*kernels.integer, *pools[threads - 1], {a.data(), b.data(), out.data(), m, n, k, scratch.data()});
      size_t wrong = 0;
      while (wrong < size_t{m} * n && out[wrong] == dot_product(a.data() + wrong / n * k, b.data() + wrong % n * k, k))
        wrong++;
      CHECK(wrong == size_t{m} * n, "%s: matmul %u x %u x %u, threads=%u: out[%zu, %zu] is %d", kernels.isa, m, n, k,
            threads, wrong / n, wrong % n, out[wrong]);
      CHECK(scratch.intact() && out.intact(), "%s: matmul %u x %u x %u wrote past its memory", kernels.isa, m, n, k);
    }
  }
}

void test_matmuls() {
  uint32_t at = 0;
  for (const uint32_t k : FEATURES) {
    for (const uint32_t rows : {1u, 15u, 33u}) {
      at++;
      test_matmul(at, rows, FEATURES[at % 8], k, at % 4 == 0);
    }
  }
  test_matmul(++at, 3, 3, MAX_K, true);
  test_matmul(++at, 3, 3, MAX_K, false);
}

} // namespace
} // namespace cider

int main() {
  using namespace cider;
  for (uint32_t threads = 1; threads <= MAX_THREADS; threads++) {
    pools[threads - 1] = ThreadPool::create(threads);
    if (!pools[threads - 1]) abort();
  }
  test_layers();
  test_chunks();
  test_vectors();
  test_vector_not_finite();
  test_matmuls();
  for (ThreadPool *pool : pools) ThreadPool::destroy(pool);
  return test::report();
}

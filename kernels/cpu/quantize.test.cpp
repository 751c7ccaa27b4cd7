// Every quantizer against a plain transcription of docs/numerics.md sections 1 and 2.
#include "quantize.h"

#include <math.h>

#include <initializer_list>

#include "../cider.h"
#include "kernel-table.h"
#include "test.h"
#include "thread-pool.h"

using cider::CodeRange;
using cider::NonFinite;
using cider::QuantizeRowsArgs;
using cider::ThreadPool;
using cider::test::Guarded;
using cider::test::Random;

namespace {

constexpr int32_t DTYPES[] = {CIDER_F32, CIDER_F16, CIDER_BF16};
constexpr const char *DTYPE_NAMES[] = {"f32", "f16", "bf16"};
constexpr uint32_t LENGTHS[] = {1, 2, 7, 8, 15, 16, 17, 31, 33, 127, 128, 129, 513, 576, 896, 1025, 4097};

size_t bytes_of(int32_t dtype) { return dtype == CIDER_F32 ? 4 : 2; }

float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// ---- the text of docs/numerics.md, element by element ----

float widen(const uint8_t *source, int32_t dtype) {
  uint32_t pattern = 0;
  memcpy(&pattern, source, bytes_of(dtype));
  if (dtype == CIDER_F32) return float_of(pattern);
  if (dtype == CIDER_BF16) return float_of(pattern << 16);
  const int exponent = pattern >> 10 & 31;
  const int fraction = pattern & 1023;
  const float sign = pattern & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  return sign * (exponent == 0 ? ldexpf(fraction, -24) : ldexpf(1024 + fraction, exponent - 25));
}

// Written with floor, unlike what is tested.
int32_t nearest_even(double value) {
  const double below = floor(value);
  const double fraction = value - below;
  const int32_t lower = static_cast<int32_t>(below);
  if (fraction != 0.5) return fraction < 0.5 ? lower : lower + 1;
  return lower % 2 == 0 ? lower : lower + 1;
}

int32_t code_of(float scaled, int32_t lowest, int32_t highest) {
  const int32_t code = nearest_even(scaled);
  return code < lowest ? lowest : code > highest ? highest : code;
}

// Section 1.
float expect_row(const float *x, uint32_t k, int8_t *codes) {
  float absmax = 0;
  bool finite = true;
  for (uint32_t i = 0; i < k; i++) {
    finite &= isfinite(x[i]);
    absmax = fmaxf(absmax, fabsf(x[i]));
  }
  memset(codes, 0, k);
  if (!finite) return NAN;
  const float scale = absmax / 127.0f;
  const float inverse = 127.0f / absmax;
  if (!isnormal(scale) || !isnormal(inverse)) return 1.0f;
  for (uint32_t i = 0; i < k; i++) {
    const float scaled = x[i] * inverse;
    codes[i] = static_cast<int8_t>(code_of(scaled, -127, 127));
  }
  return scale;
}

// Section 2; the result is the index of the first element that is not finite, or -1.
int64_t expect_rows(const QuantizeRowsArgs &args, int8_t *codes, float *scales) {
  const auto *source = static_cast<const uint8_t *>(args.source);
  const uint32_t group_size = args.group_size == 0 ? args.columns : args.group_size;
  for (uint64_t i = 0; i < uint64_t{args.rows} * args.columns; i++) {
    if (!isfinite(widen(source + i * bytes_of(args.dtype), args.dtype))) return static_cast<int64_t>(i);
  }
  for (uint32_t row = 0; row < args.rows; row++) {
    for (uint32_t from = 0; from < args.columns; from += group_size, scales++) {
      const uint32_t to = from + group_size < args.columns ? from + group_size : args.columns;
      const uint64_t start = uint64_t{row} * args.columns;
      float absmax = 0;
      for (uint32_t i = from; i < to; i++) {
        absmax = fmaxf(absmax, fabsf(widen(source + (start + i) * bytes_of(args.dtype), args.dtype)));
      }
      const float scale = absmax / (args.bits == 8 ? 127.0f : 7.5f);
      *scales = isnormal(scale) ? scale : 1.0f;
      for (uint32_t i = from; i < to; i++) {
        const float quotient = widen(source + (start + i) * bytes_of(args.dtype), args.dtype) / scale;
        codes[start + i] = !isnormal(scale) ? 0
                           : args.bits == 8 ? static_cast<int8_t>(code_of(quotient, -127, 127))
                                            : static_cast<int8_t>(code_of(quotient, -8, 7));
      }
    }
  }
  return -1;
}

// ---- checks ----

bool same_scale(float a, float b) { return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b)); }

void check_codes(const char *what, const char *isa, Guarded<int8_t> &codes, Guarded<int8_t> &expected, size_t count) {
  size_t wrong = 0;
  while (wrong < count && codes[wrong] == expected[wrong]) wrong++;
  CHECK(wrong == count, "%s, %s: code %zu of %zu is %d, not %d", isa, what, wrong, count, codes[wrong],
        expected[wrong]);
  CHECK(codes.intact(), "%s, %s: wrote around the codes", isa, what);
}

class Activations {
public:
  Activations(const cider::Kernels &kernels, ThreadPool &pool) : kernels_(kernels), pool_(pool) {}

  // x [rows, columns] as it is, and from odd addresses.
  void check(const char *what, const float *x, uint32_t rows, uint32_t columns) {
    const size_t count = size_t{rows} * columns;
    Guarded<int8_t> expected(count);
    Guarded<float> expected_scales(rows);
    for (uint32_t row = 0; row < rows; row++) {
      expected_scales[row] = expect_row(x + size_t{row} * columns, columns, expected.data() + size_t{row} * columns);
    }
    for (const size_t misalignment : {0, 1, 4, 12}) {
      Guarded<uint8_t> moved(count * sizeof(float), misalignment);
      memcpy(moved.data(), x, count * sizeof(float));
      Guarded<int8_t> codes(count, misalignment);
      Guarded<float> scales(rows);
      cider::quantize_per_token(*kernels_.quantize, pool_, reinterpret_cast<const float *>(moved.data()), rows, columns,
                                codes.data(), scales.data());
      check_codes(what, kernels_.isa, codes, expected, count);
      CHECK(scales.intact(), "%s, %s: wrote around the scales", kernels_.isa, what);
      for (uint32_t row = 0; row < rows; row++) {
        CHECK(same_scale(scales[row], expected_scales[row]), "%s, %s: scale of row %u is %a, not %a", kernels_.isa,
              what, row, static_cast<double>(scales[row]), static_cast<double>(expected_scales[row]));
      }
    }
  }

  void check_row(const char *what, std::initializer_list<float> x) {
    check(what, x.begin(), 1, static_cast<uint32_t>(x.size()));
  }

private:
  const cider::Kernels &kernels_;
  ThreadPool &pool_;
};

void test_activations(const cider::Kernels &kernels, ThreadPool &pool) {
  Activations activations(kernels, pool);
  const float largest = 0x1.fffffep127f;
  const float smallest = 127 * 0x1p-126f; // its scale is the smallest normal number
  activations.check_row("ties", {127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 125.5, 126.5, -126.5});
  activations.check_row("ties of a smaller scale", {-127.0f / 4, 0.125, 0.375, -0.625});
  activations.check_row("product, not quotient", {3, 0.27165353298187256f});
  activations.check_row("zeros", {0, -0.0f, 0});
  activations.check_row("smallest scale", {smallest, -smallest / 127, smallest / 254});
  activations.check_row("subnormal scale", {126 * 0x1p-126f, -0x1p-126f});
  activations.check_row("subnormal row", {0x1p-149f, -0x1p-130f});
  activations.check_row("infinite inverse", {0x1p-122f, 0x1p-121f});
  activations.check_row("largest values", {largest, -largest, 1, largest / 2});

  Random random(1);
  for (const uint32_t columns : LENGTHS) {
    Guarded<float> x(size_t{columns} * 3);
    for (size_t i = 0; i < size_t{columns} * 3; i++) x[i] = random.uniform(-8, 8);
    activations.check("random", x.data(), 3, columns);
    for (size_t i = 0; i < columns; i++) x[i] = i % 3 ? 2.5f : -2.5f;
    activations.check("all extreme", x.data(), 3, columns);
    // Each kind of value that is not finite, at each place of a vector.
    for (const float bad : {NAN, -NAN, INFINITY, -INFINITY, float_of(0x7f800001), float_of(0xff800001)}) {
      const uint32_t at = random.below(columns);
      const float kept = x[columns + at];
      x[columns + at] = bad;
      activations.check("not finite", x.data(), 3, columns);
      x[columns + at] = kept;
    }
  }
  // Values of every exponent.
  Guarded<float> x(100 * 57);
  for (size_t i = 0; i < 100 * 57; i++) x[i] = float_of(static_cast<uint32_t>(random.bits()));
  activations.check("any bits", x.data(), 100, 57);
  for (uint32_t row = 0; row < 100; row++) {
    const float size = ldexpf(1, static_cast<int>(random.below(252)) - 149);
    for (uint32_t i = 0; i < 57; i++) x[row * 57 + i] = random.uniform(-1, 1) * size;
  }
  activations.check("any size", x.data(), 100, 57);
}

// Weights of one format and width against the transcription.
class Weights {
public:
  Weights(const cider::Kernels &kernels, ThreadPool &pool, int32_t dtype, int32_t bits)
      : kernels_(kernels), pool_(pool), dtype_(dtype), bits_(bits) {}

  // source [rows, columns], the lower bytes of each element.
  void check(const char *what, const uint32_t *patterns, uint32_t rows, uint32_t columns, uint32_t group_size,
             size_t misalignment = 0) {
    const size_t count = size_t{rows} * columns;
    const size_t groups = size_t{rows} * cider::groups_per_row(columns, group_size);
    Guarded<uint8_t> source(count * bytes_of(dtype_), misalignment);
    for (size_t i = 0; i < count; i++) memcpy(source.data() + i * bytes_of(dtype_), &patterns[i], bytes_of(dtype_));
    Guarded<int8_t> codes(count, misalignment), expected(count);
    Guarded<float> scales(groups), expected_scales(groups);
    const QuantizeRowsArgs args{source.data(), dtype_, bits_, rows, columns, group_size, codes.data(), scales.data()};
    const int64_t bad = expect_rows(args, expected.data(), expected_scales.data());
    const NonFinite found = cider::quantize_rows(*kernels_.quantize, pool_, args);
    CHECK(found.found == (bad >= 0), "%s, %s %s", kernels_.isa, DTYPE_NAMES[dtype_], what);
    CHECK(scales.intact(), "%s, %s %s: wrote around the scales", kernels_.isa, DTYPE_NAMES[dtype_], what);
    if (bad >= 0) {
      CHECK(found.row == bad / columns && found.column == bad % columns, "%s, %s %s: [%u, %u], not %lld", kernels_.isa,
            DTYPE_NAMES[dtype_], what, found.row, found.column, static_cast<long long>(bad));
      CHECK(codes.intact(), "%s, %s %s: wrote around the codes", kernels_.isa, DTYPE_NAMES[dtype_], what);
      return;
    }
    check_codes(what, kernels_.isa, codes, expected, count);
    for (size_t g = 0; g < groups; g++) {
      CHECK(same_scale(scales[g], expected_scales[g]), "%s, %s int%d %s, group size %u: scale %zu is %a, not %a",
            kernels_.isa, DTYPE_NAMES[dtype_], bits_, what, group_size, g, static_cast<double>(scales[g]),
            static_cast<double>(expected_scales[g]));
    }
  }

  // A number of the format, not far from 1.
  uint32_t number(Random &random) const {
    const uint32_t bits = static_cast<uint32_t>(random.bits());
    if (dtype_ == CIDER_F32) return (bits & 0x83ffffff) | 0x3c000000;
    return dtype_ == CIDER_F16 ? (bits & 0x9fff) | 0x2000 : (bits & 0x83ff) | 0x3c00;
  }

  uint32_t infinity() const { return dtype_ == CIDER_F32 ? 0x7f800000 : dtype_ == CIDER_F16 ? 0x7c00 : 0x7f80; }
  uint32_t sign() const { return dtype_ == CIDER_F32 ? 0x80000000 : 0x8000; }

private:
  const cider::Kernels &kernels_;
  ThreadPool &pool_;
  const int32_t dtype_, bits_;
};

void test_weight_shapes(Weights &weights) {
  Random random(2);
  for (const uint32_t columns : LENGTHS) {
    const uint32_t rows = 5;
    Guarded<uint32_t> patterns(rows * columns);
    for (const uint32_t group_size : {0u, 1u, 7u, 32u, 64u, 128u, columns, columns + 1, UINT32_MAX}) {
      for (size_t i = 0; i < rows * columns; i++) patterns[i] = weights.number(random);
      memset(patterns.data() + columns, 0, columns * sizeof(uint32_t)); // a row of zeros
      weights.check("random", patterns.data(), rows, columns, group_size, random.below(4));
      // Two that are not finite: the first counts.
      for (const uint32_t above : {0u, 1u}) {
        const uint32_t at = random.below(rows * columns);
        patterns[at] = weights.infinity() + above;
        patterns[random.below(rows * columns)] = weights.sign() + weights.infinity() + above;
        weights.check("not finite", patterns.data(), rows, columns, group_size);
        for (size_t i = 0; i < rows * columns; i++) patterns[i] = weights.number(random);
      }
    }
  }
}

// More elements than one task takes. What is not finite comes late in the first task and early in all others, which
// other threads see first.
void test_weight_tasks(Weights &weights) {
  Random random(3);
  const uint32_t rows = 300, columns = 700, first_task = (1 << 15) / (columns + 1);
  Guarded<uint32_t> patterns(size_t{rows} * columns);
  for (size_t i = 0; i < size_t{rows} * columns; i++) patterns[i] = weights.number(random);
  weights.check("many rows", patterns.data(), rows, columns, 0);
  weights.check("many rows", patterns.data(), rows, columns, 128);
  for (size_t row = first_task + 1; row < rows; row++) patterns[row * columns] = weights.infinity() + 1;
  patterns[size_t{first_task} * columns + columns - 1] = weights.infinity();
  weights.check("first of many", patterns.data(), rows, columns, 64);
}

// Every pattern of 16 bits up to various absmaxima, those at the ends of the range among them.
void test_all_patterns(Weights &weights, int32_t dtype) {
  const uint32_t bf16[] = {0x0000, 0x0001, 0x0040, 0x007f, 0x0080, 0x0147, 0x0148, 0x037e, 0x037f, 0x0380,
                           0x0400, 0x3f00, 0x3f2b, 0x3f55, 0x3f7e, 0x3f80, 0x42fe, 0x7f00, 0x7f7f};
  const uint32_t f16[] = {0x0000, 0x0001, 0x03ff, 0x0400, 0x2800, 0x2aaa, 0x3555, 0x3bff, 0x3c00, 0x57f0, 0x7bff};
  const uint32_t *absmaxima = dtype == CIDER_F16 ? f16 : bf16;
  const size_t count = dtype == CIDER_F16 ? sizeof f16 / 4 : sizeof bf16 / 4;
  Guarded<uint32_t> patterns(0x10000);
  for (size_t i = 0; i < count; i++) {
    const uint32_t absmax = absmaxima[i];
    uint32_t columns = 0;
    for (uint32_t magnitude = 0; magnitude <= absmax; magnitude++) {
      patterns[columns++] = magnitude;
      patterns[columns++] = 0x8000 + magnitude;
    }
    weights.check("all patterns", patterns.data(), 1, columns, 0);
  }
}

// Quotients whose f32 rounding makes or unmakes a tie: neighbours of (n + 1/2) · scale for random scales.
void test_near_ties(Weights &weights, int32_t bits) {
  Random random(4);
  Guarded<uint32_t> patterns(1 + 3 * 127);
  for (uint32_t row = 0; row < 300; row++) {
    const float absmax = random.uniform(1, 2) * ldexpf(1, static_cast<int>(random.below(240)) - 118);
    const float scale = absmax / (bits == 8 ? 127.0f : 7.5f);
    uint32_t columns = 0;
    patterns[columns++] = bits_of(absmax);
    for (int n = 0; n < (bits == 8 ? 127 : 7); n++) {
      const uint32_t tie = bits_of((static_cast<float>(n) + 0.5f) * scale) ^ (n % 2 ? 0x80000000 : 0);
      for (const uint32_t pattern : {tie - 1, tie, tie + 1}) patterns[columns++] = pattern;
    }
    weights.check("near ties", patterns.data(), 1, columns, 0);
  }
}

void test_edge_rows(Weights &weights) {
  const float smallest = 0x1p-126f;
  for (const float divisor : {127.0f, 7.5f}) {
    for (const float absmax : {0.0f, 0x1p-149f, smallest, smallest * divisor, 0x1.fffffep127f}) {
      for (const int step : {-1, 0, 1}) {
        const uint32_t bits = bits_of(absmax) + static_cast<uint32_t>(step);
        if (bits >= 0x7f800000) continue;
        const uint32_t row[] = {bits, bits ^ 0x80000000, bits / 2, 0, 0x80000000, 1};
        weights.check("edge", row, 1, 6, 0);
      }
    }
  }
}

} // namespace

int main() {
  const cider::KernelList list = cider::runnable_kernels();
  for (uint32_t i = 0; i < list.count; i++) {
    for (const uint32_t threads : {1u, 3u}) {
      ThreadPool *pool = ThreadPool::create(threads);
      if (pool == nullptr) return 1;
      test_activations(list.items[i], *pool);
      for (const int32_t dtype : DTYPES) {
        for (const int32_t bits : {8, 4}) {
          Weights weights(list.items[i], *pool, dtype, bits);
          test_weight_shapes(weights);
          test_weight_tasks(weights);
          if (threads > 1) continue;
          if (dtype == CIDER_F32) {
            test_near_ties(weights, bits);
            test_edge_rows(weights);
          } else {
            test_all_patterns(weights, dtype);
          }
        }
      }
      ThreadPool::destroy(pool);
    }
  }
  return cider::test::report();
}

// attention against f64.
//
// A score is a sum of head_dim products and a scaling: it is off by δ ≤ (head_dim + 2) u · scale Σ |q k|, u = 2^-24. In
// exp(score - largest) the difference of two such scores and their rounding count, and 4 u of the exponential: a weight
// is off by a factor of 1 ± (2 δ + 4 u · largest |score| + 4 u). Numerator and denominator sum up to P weights with a
// rounding each, and one more for each block of keys whose largest score corrects them (its exponential: 4 u). So
//   |error| ≤ Σ w |v| / Σ w · (2 (2 δ + 4 u |score| + 4 u) + (2 P + 12 blocks + 4) u).
//
// Matrix units multiply bf16 that are split in two: by attention-amx.cpp, each product of a score is off by 2^-15 more
// and each of a weight and a value by 2^-14, all sums are of three times as many terms, and what is below 2^-126 is 0.
// A soft cap adds 11 u |score| to δ (float-tanh.test.cpp), and magnifies no error.
#include "attention.h"

#include <float.h>

#include "attention-packed.h"
#include "float-test.h"

using namespace cider;
using namespace cider::test;

namespace {

struct Shape {
  uint32_t heads, kv_heads, head_dim;
  float soft_cap = 0;
};

// Keys and values as they came, [capacity, kv_heads · head_dim].
struct History {
  Guarded<float> k, v;
  uint32_t length = 0;
};

void check_row(const Kernels &kernels, const Shape &shape, History &history, const float *q, const float *out,
               uint32_t position, uint32_t window, float scale, bool is_split) {
  const auto &[heads, kv_heads, head_dim, soft_cap] = shape;
  const uint32_t kv_columns = kv_heads * head_dim;
  const uint32_t begin = window == 0 || window > position ? 0 : position + 1 - window;
  const double terms = is_split ? 3 : 1;
  const double score_split = is_split ? 0x1p-15 : 0;
  const double value_split = is_split ? 0x1p-14 : 0;
  const double smallest = is_split ? 0x1p-110 : SMALLEST;
  static double scores[4096];
  for (uint32_t head = 0; head < heads; head++) {
    const uint32_t offset = head / (heads / kv_heads) * head_dim;
    double largest = -INFINITY;
    double size = 0;
    double delta = 0;
    for (uint32_t p = begin; p <= position; p++) {
      double score = 0;
      double score_size = 0;
      for (uint32_t d = 0; d < head_dim; d++) {
        const double product = double(q[head * head_dim + d]) * double(history.k[size_t{p} * kv_columns + offset + d]);
        score += product;
        score_size += fabs(product);
      }
      scores[p] = score * double(scale);
      if (soft_cap > 0) scores[p] = double(soft_cap) * tanh(scores[p] / double(soft_cap));
      largest = fmax(largest, scores[p]);
      size = fmax(size, fabs(scores[p]));
      const double cap_rounding = soft_cap > 0 ? 11 * fabs(scores[p]) * UNIT : 0;
      const double product_error = (terms * head_dim + 2) * UNIT + score_split;
      delta = fmax(delta, product_error * score_size * fabs(double(scale)) + cap_rounding);
      if (isnan(score)) largest = NAN;
    }
    double sum = 0;
    for (uint32_t p = begin; p <= position; p++) sum += exp(scores[p] - largest);
    const double seen = position + 1 - begin;
    const double relative =
        2 * (2 * delta + (4 * size + 4) * UNIT) + value_split + ((terms + 1) * seen + 12 * (seen / 128 + 2) + 4) * UNIT;
    for (uint32_t d = 0; d < head_dim; d++) {
      double mixed = 0;
      double mixed_size = 0;
      for (uint32_t p = begin; p <= position; p++) {
        const double value = double(history.v[size_t{p} * kv_columns + offset + d]);
        mixed += exp(scores[p] - largest) * value;
        mixed_size += exp(scores[p] - largest) * fabs(value);
      }
      const double expected = mixed / sum;
      const double got = double(out[head * head_dim + d]);
      const bool holds = isfinite(expected) ? fabs(got - expected) <= relative * mixed_size / sum + smallest
                         : isnan(expected)  ? isnan(got)
                                            : got == expected;
      CHECK(holds, "%s: heads %u/%u of %u, window %u, position %u, head %u, element %u: %.9g instead of %.9g",
            kernels.isa, heads, kv_heads, head_dim, window, position, head, d, got, expected);
    }
  }
}

// Appends the rows of each step in turn and checks what each returns.
void check_attention(const Kernels &kernels, ThreadPool &pool, const Shape &shape, const uint32_t *steps,
                     uint32_t step_count, uint32_t window, float magnitude, bool spoil, Random &random) {
  const auto &[heads, kv_heads, head_dim, soft_cap] = shape;
  uint32_t capacity = 3;
  for (uint32_t i = 0; i < step_count; i++) capacity += steps[i];
  const uint32_t kv_columns = kv_heads * head_dim;
  Guarded<uint8_t> memory(kv_cache_bytes(*kernels.floats, capacity, kv_heads, head_dim));
  memset(memory.data(), 0, kv_cache_bytes(*kernels.floats, capacity, kv_heads, head_dim));
  KvCache cache = {reinterpret_cast<float *>(memory.data()), capacity, kv_heads, head_dim, 0};
  const size_t kv_floats = size_t{capacity} * kv_columns;
  History history = {Guarded<float>(kv_floats, 4), Guarded<float>(kv_floats, 8)};
  const float scale = 1 / sqrtf(static_cast<float>(head_dim));
  for (uint32_t step = 0; step < step_count; step++) {
    const uint32_t rows = steps[step];
    const uint32_t position = history.length;
    float *k = history.k.data() + size_t{position} * kv_columns;
    float *v = history.v.data() + size_t{position} * kv_columns;
    Guarded<float> q(size_t{rows} * heads * head_dim, 4), out(size_t{rows} * heads * head_dim, 12);
    fill(q, size_t{rows} * heads * head_dim, -magnitude, magnitude, random);
    for (size_t i = 0; i < size_t{rows} * kv_columns; i++) {
      k[i] = random.uniform(-magnitude, magnitude);
      v[i] = random.uniform(-1, 1);
    }
    if (spoil && rows > 2) {
      // Seen only by the last rows, and by none that precede them.
      k[size_t{rows - 2} * kv_columns] = NAN;
      v[size_t{rows - 1} * kv_columns] = INFINITY;
      v[size_t{rows - 1} * kv_columns + kv_columns - 1] = NAN;
    }
    Guarded<uint8_t> scratch(attention_scratch_bytes(*kernels.floats, cache, rows, heads, pool.threads()), 7);
    const bool is_split = soft_cap == 0 && takes_packed_attention(*kernels.floats, cache, rows, heads);
    attention(*kernels.floats, pool,
              {&cache, q.data(), k, v, out.data(), rows, heads, window, scale, soft_cap, scratch.data()});
    history.length += rows;
    CHECK(cache.length == history.length, "%s: the cache holds %u positions", kernels.isa, cache.length);
    for (uint32_t row = 0; row < rows; row += row < 20 || row + 20 > rows ? 1 : 7) {
      check_row(kernels, shape, history, q.data() + size_t{row} * heads * head_dim,
                out.data() + size_t{row} * heads * head_dim, position + row, window, scale, is_split);
    }
    CHECK(out.intact() && scratch.intact() && memory.intact(), "%s: heads of %u write outside", kernels.isa, head_dim);
  }
}

// While all scores are -infinity the sums stay empty; a finite one later makes up for it, and without one there is NaN.
void check_infinite_scores(const Kernels &kernels, ThreadPool &pool, uint32_t rows, uint32_t infinite) {
  const uint32_t capacity = rows + 1;
  Guarded<uint8_t> memory(kv_cache_bytes(*kernels.floats, capacity, 1, 2));
  memset(memory.data(), 0, kv_cache_bytes(*kernels.floats, capacity, 1, 2));
  KvCache cache = {reinterpret_cast<float *>(memory.data()), capacity, 1, 2, 0};
  Guarded<float> q(rows * 2), k(rows * 2), v(rows * 2), out(rows * 2);
  for (uint32_t i = 0; i < rows * 2; i++) {
    q[i] = 1;
    k[i] = i < infinite * 2 ? -INFINITY : 0;
    v[i] = static_cast<float>(i / 2);
  }
  const auto attend = [&](uint32_t count) {
    Guarded<uint8_t> scratch(attention_scratch_bytes(*kernels.floats, cache, count, 1, pool.threads()));
    attention(*kernels.floats, pool,
              {&cache, q.data(), k.data(), v.data(), out.data(), count, 1, 0, 1, 0, scratch.data()});
  };
  attend(rows);
  const auto value = [&](uint32_t row) { return double(out[row * 2]); };
  CHECK(isnan(value(0)) && isnan(value(infinite - 1)), "%s: %g without a finite score", kernels.isa, value(0));
  CHECK(value(infinite) == infinite && fabs(value(infinite + 2) - (infinite + 1)) < 1e-3, "%s: %g with a finite score",
        kernels.isa, value(infinite + 2));
  // Another row adds the value 0 to those of the finite scores before it.
  k[0] = k[1] = v[0] = v[1] = 0;
  attend(1);
  const double count = rows - infinite;
  const double expected = count * (infinite + (count - 1) / 2) / (count + 1);
  CHECK(fabs(value(0) - expected) < 1e-6 * expected, "%s: %g instead of %g", kernels.isa, value(0), expected);
}

// The largest f32, which as a bf16 would be an infinity.
void check_largest_value(const Kernels &kernels, ThreadPool &pool) {
  const uint32_t rows = 40;
  Guarded<uint8_t> memory(kv_cache_bytes(*kernels.floats, rows, 1, 1));
  KvCache cache = {reinterpret_cast<float *>(memory.data()), rows, 1, 1, 0};
  Guarded<float> q(rows), k(rows), v(rows), out(rows);
  for (uint32_t i = 0; i < rows; i++) {
    q[i] = 0;
    k[i] = 1;
    v[i] = i + 1 < rows ? 0 : FLT_MAX;
  }
  Guarded<uint8_t> scratch(attention_scratch_bytes(*kernels.floats, cache, rows, 1, pool.threads()));
  attention(*kernels.floats, pool,
            {&cache, q.data(), k.data(), v.data(), out.data(), rows, 1, 0, 1, 0, scratch.data()});
  CHECK(out[rows - 2] == 0 && fabs(double(out[rows - 1]) / FLT_MAX - 1.0 / rows) < 1e-6, "%s: %g and %g", kernels.isa,
        double(out[rows - 2]), double(out[rows - 1]));
}

// A NaN stays where it is, whatever its bits.
void check_nan_query(const Kernels &kernels, ThreadPool &pool) {
  const uint32_t rows = 40;
  Guarded<uint8_t> memory(kv_cache_bytes(*kernels.floats, rows, 1, 1));
  KvCache cache = {reinterpret_cast<float *>(memory.data()), rows, 1, 1, 0};
  Guarded<float> q(rows), k(rows), v(rows), out(rows);
  for (uint32_t i = 0; i < rows; i++) q[i] = k[i] = v[i] = 1;
  const uint32_t bits = 0x7fffffff;
  memcpy(&q[20], &bits, sizeof bits);
  Guarded<uint8_t> scratch(attention_scratch_bytes(*kernels.floats, cache, rows, 1, pool.threads()));
  attention(*kernels.floats, pool,
            {&cache, q.data(), k.data(), v.data(), out.data(), rows, 1, 0, 1, 0, scratch.data()});
  CHECK(isnan(out[20]), "%s: %g", kernels.isa, double(out[20]));
  for (const uint32_t row : {0, 19, 21, 39})
    CHECK(fabsf(out[row] - 1) < 1e-4f, "%s: row %u: %g", kernels.isa, row, double(out[row]));
}

} // namespace

int main() {
  for_each_setting([](const Kernels &kernels, ThreadPool &pool) {
    Random random(pool.threads());
    const Shape shapes[] = {{1, 1, 2}, {9, 3, 64}, {4, 4, 33}, {8, 1, 80},  {2, 1, 128},
                            {3, 3, 1}, {7, 1, 31}, {3, 1, 97}, {2, 1, 255}, {2, 2, 256}};
    for (const Shape &shape : shapes) {
      for (const uint32_t window : {0u, 1u, 5u, 70u}) {
        const uint32_t steps[] = {1, 1, 7, 33, 1, 60, 1};
        check_attention(kernels, pool, shape, steps, 7, window, 1.5f, false, random);
      }
    }
    const uint32_t long_steps[] = {300, 1, 270, 1, 1};
    for (const uint32_t window : {0u, 127u, 128u, 129u, 257u, 300u}) {
      check_attention(kernels, pool, {6, 2, 16}, long_steps, 5, window, 3, false, random);
    }
    for (const uint32_t window : {0u, 70u}) {
      check_attention(kernels, pool, {8, 4, 256, 1.5f}, long_steps, 2, window, 1.5f, false, random);
    }
    // Positions in parts, for single rows.
    const uint32_t longer_steps[] = {1100, 1, 500, 3, 1};
    for (const uint32_t window : {0u, 600u, 1100u}) {
      check_attention(kernels, pool, {4, 2, 24}, longer_steps, 5, window, 2, false, random);
    }
    // Weights that are 0 or 1.
    check_attention(kernels, pool, {2, 2, 8}, long_steps, 3, 0, 60, false, random);
    // What a query must not see, it does not notice.
    const uint32_t one_step[] = {40};
    for (const uint32_t window : {0u, 3u}) {
      check_attention(kernels, pool, {6, 2, 16}, one_step, 1, window, 1, true, random);
    }
    check_infinite_scores(kernels, pool, 300, 280);
    check_infinite_scores(kernels, pool, 1600, 1590);
    check_largest_value(kernels, pool);
    check_nan_query(kernels, pool);
  });
  return report();
}

// attention_prefill and append_kv against f64, by attention-reference.h: a block of 32 positions may correct the sums.
#include "attention-reference.h"

using namespace cider::test;

namespace {

struct Shape {
  uint32_t heads, kv_heads, head_dim;
  float soft_cap = 0;
};

// The last `rows` of `positions`, of which `spoil` makes some NaN and infinite: at the end, where only the last rows
// see them, and before, where a window of 40 lets only the first rows see one.
void check_prefill(Kernels &kernels, const Shape &shape, uint32_t rows, uint32_t positions, uint32_t window,
                   float magnitude, bool spoil, Random &random) {
  const auto &[heads, kv_heads, head_dim, soft_cap] = shape;
  AttentionParameters parameters = {};
  parameters.rows = rows;
  parameters.heads = heads;
  parameters.kv_heads = kv_heads;
  parameters.head_dim = head_dim;
  parameters.first_position = positions - rows;
  parameters.capacity = positions + 3;
  parameters.sliding_window = window;
  parameters.scale = 1 / sqrtf(static_cast<float>(head_dim));
  parameters.soft_cap = soft_cap;
  const uint32_t kv_columns = kv_heads * head_dim;
  OnGpu<float> q(size_t{rows} * heads * head_dim), k(size_t{positions} * kv_columns), v(k.size());
  OnGpu<float> keys(size_t{parameters.capacity} * kv_columns), values(keys.size()), out(q.size());
  fill(q, -magnitude, magnitude, random);
  fill(k, -magnitude, magnitude, random);
  fill(v, -1, 1, random);
  if (spoil) {
    k[size_t{positions - 2} * kv_columns] = NAN;
    v[size_t{positions - 1} * kv_columns] = INFINITY;
    v[size_t{positions} * kv_columns - 1] = NAN;
    v[size_t{positions - rows - 20} * kv_columns] = NAN;
  }
  append_positions(kernels, parameters, positions, k, v, keys, values);
  const Grid groups = {(rows + PREFILL_ROWS - 1) / PREFILL_ROWS, heads};
  kernels.run("attention_prefill", groups, PREFILL_THREADS, q, keys, values, out, parameters);

  const AttentionCase given = {parameters, q.data(), k.data(), v.data(), positions / 32.0 + 2};
  Guarded<double> scores(positions);
  for (uint32_t row = 0; row < rows; row++) {
    for (uint32_t head = 0; head < heads; head++) {
      check_attention_row(given, row, head, out.data() + (size_t{row} * heads + head) * head_dim, scores.data());
    }
  }
}

// While all scores are -infinity the sums stay empty; a finite one later makes up for it, and without one there is NaN.
void check_infinite_scores(Kernels &kernels, uint32_t infinite, uint32_t positions) {
  AttentionParameters parameters = {};
  parameters.rows = positions;
  parameters.heads = parameters.kv_heads = parameters.head_dim = 1;
  parameters.capacity = positions;
  parameters.scale = 1;
  OnGpu<float> q(positions), k(positions), v(positions), out(positions);
  for (uint32_t i = 0; i < positions; i++) {
    q[i] = 1;
    k[i] = i < infinite ? -INFINITY : 0;
    v[i] = static_cast<float>(i);
  }
  const Grid groups = {(positions + PREFILL_ROWS - 1) / PREFILL_ROWS, 1};
  kernels.run("attention_prefill", groups, PREFILL_THREADS, q, k, v, out, parameters);
  for (uint32_t i = 0; i < positions; i++) {
    const double expected = i < infinite ? double(NAN) : (infinite + i) / 2.0;
    CHECK(is_near(double(out[i]), expected, 1e-5 * expected), "row %u after %u scores of -infinity: %g", i, infinite,
          double(out[i]));
  }
}

void check_all() {
  Kernels kernels({"attention-cache.metal", "attention-prefill.metal"});
  Random random(11);
  const Shape shapes[] = {{1, 1, 1}, {2, 1, 2}, {6, 2, 33}, {3, 3, 64}, {4, 1, 80}, {1, 1, 128}};
  for (const Shape &shape : shapes) {
    for (const uint32_t window : {0u, 1u, 5u, 40u}) {
      check_prefill(kernels, shape, 1, 1, window, 1.5f, false, random);
      check_prefill(kernels, shape, 7, 40, window, 1.5f, false, random);
      check_prefill(kernels, shape, 35, 35, window, 1.5f, false, random);
    }
  }
  // More than a piece.
  for (const uint32_t head_dim : {129u, 256u, 512u})
    check_prefill(kernels, {2, 1, head_dim}, 5, 45, 0, 1, false, random);
  // Blocks that all rows see, windows that begin inside of blocks and between them.
  for (const uint32_t window : {0u, 32u, 64u, 65u, 100u}) {
    check_prefill(kernels, {2, 1, 24}, 70, 200, window, 2, false, random);
  }
  check_prefill(kernels, {4, 2, 24, 1.5f}, 33, 70, 0, 4, false, random);
  // Weights that are 0 or 1.
  check_prefill(kernels, {2, 2, 8}, 40, 90, 0, 60, false, random);
  // More heads than simdgroups of a threadgroup.
  check_prefill(kernels, {34, 1, 4}, 1, 9, 0, 1, false, random);
  // What a row must not see, it does not notice.
  for (const uint32_t window : {0u, 3u, 40u}) check_prefill(kernels, {6, 2, 16}, 40, 70, window, 1, true, random);
  check_infinite_scores(kernels, 5, 40);
  check_infinite_scores(kernels, 70, 75);
}

} // namespace

int main() { return in_each_order(check_all); }

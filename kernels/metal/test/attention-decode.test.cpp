// attention_decode and attention_merge against f64, by attention-reference.h: every four positions may correct the
// sums, and the merge once more.
#include "attention-reference.h"

using namespace cider::test;

namespace {

struct Shape {
  uint32_t heads, kv_heads, head_dim;
  float soft_cap = 0;
};

AttentionParameters parameters_of(const Shape &shape, uint32_t positions, uint32_t window, uint32_t splits) {
  const uint32_t seen = window == 0 || window > positions ? positions : window;
  AttentionParameters parameters = {};
  parameters.rows = 1;
  parameters.heads = shape.heads;
  parameters.kv_heads = shape.kv_heads;
  parameters.head_dim = shape.head_dim;
  parameters.first_position = positions - 1;
  parameters.capacity = positions + 2;
  parameters.sliding_window = window;
  parameters.splits = splits;
  parameters.split_size = (seen + splits - 1) / splits;
  parameters.scale = 1 / sqrtf(static_cast<float>(shape.head_dim));
  parameters.soft_cap = shape.soft_cap;
  return parameters;
}

// out [heads, head_dim] of a row with these keys and values [kv_heads, capacity, head_dim].
void decode(Kernels &kernels, const AttentionParameters &parameters, const OnGpu<float> &q, const OnGpu<float> &keys,
            const OnGpu<float> &values, OnGpu<float> &out) {
  const auto &[rows, heads, kv_heads, head_dim, first, capacity, window, splits, split_size, scale, cap] = parameters;
  OnGpu<float> partials(size_t{heads} * splits * head_dim), statistics(size_t{heads} * splits * 2);
  kernels.run("attention_decode", {kv_heads, splits}, 32 * (heads / kv_heads), q, keys, values, partials, statistics,
              parameters);
  kernels.run("attention_merge", {heads}, MERGE_THREADS, partials, statistics, out, parameters);
}

void check_decode(Kernels &kernels, const Shape &shape, uint32_t positions, uint32_t window, uint32_t splits,
                  float magnitude, bool spoil, Random &random) {
  const AttentionParameters parameters = parameters_of(shape, positions, window, splits);
  const uint32_t kv_columns = shape.kv_heads * shape.head_dim;
  OnGpu<float> q(size_t{shape.heads} * shape.head_dim), k(size_t{positions} * kv_columns), v(k.size());
  OnGpu<float> keys(size_t{parameters.capacity} * kv_columns), values(keys.size()), out(q.size());
  fill(q, -magnitude, magnitude, random);
  fill(k, -magnitude, magnitude, random);
  fill(v, -1, 1, random);
  if (spoil) {
    // Before the window, and a value that is seen.
    for (uint32_t i = 0; i < kv_columns * (positions - window); i++) k[i] = v[i] = NAN;
    v[size_t{positions - 1} * kv_columns] = INFINITY;
  }
  if (shape.kv_heads == 1) {
    // The positions of a single head follow one another as they came.
    memcpy(keys.data(), k.data(), k.size() * sizeof(float));
    memcpy(values.data(), v.data(), v.size() * sizeof(float));
  } else {
    append_positions(kernels, parameters, positions, k, v, keys, values);
  }
  decode(kernels, parameters, q, keys, values, out);
  const AttentionCase given = {parameters, q.data(), k.data(), v.data(), parameters.split_size / 4.0 + 4};
  Guarded<double> scores(positions);
  for (uint32_t head = 0; head < shape.heads; head++) {
    check_attention_row(given, 0, head, out.data() + size_t{head} * shape.head_dim, scores.data());
  }
}

// Positions whose scores are -infinity do not count; if all are, there is NaN. Those of NaN or infinity make NaN.
void check_special_scores(Kernels &kernels, uint32_t splits) {
  const uint32_t positions = 21;
  const AttentionParameters parameters = parameters_of({1, 1, 1}, positions, 0, splits);
  OnGpu<float> q(1), k(parameters.capacity), v(parameters.capacity), out(1);
  q[0] = 1;
  const auto result = [&](uint32_t infinite, float last) {
    for (uint32_t i = 0; i < positions; i++) {
      k[i] = i < infinite ? -INFINITY : 0;
      v[i] = static_cast<float>(i);
    }
    k[positions - 1] = last;
    decode(kernels, parameters, q, k, v, out);
    return double(out[0]);
  };
  for (const uint32_t infinite : {1u, 8u, 19u}) {
    const double got = result(infinite, 0);
    CHECK(is_near(got, (infinite + positions - 1) / 2.0, 1e-4), "%u splits, %u scores of -infinity: %g", splits,
          infinite, got);
  }
  CHECK(isnan(result(positions, -INFINITY)), "%u splits: %g without a finite score", splits, double(out[0]));
  CHECK(isnan(result(0, NAN)), "%u splits: %g with a score of NaN", splits, double(out[0]));
  CHECK(isnan(result(0, INFINITY)), "%u splits: %g with an infinite score", splits, double(out[0]));
}

void check_all() {
  Kernels kernels({"attention-cache.metal", "attention-decode.metal"});
  Random random(13);
  const Shape shapes[] = {{1, 1, 1},  {9, 3, 64},  {4, 4, 33},  {8, 1, 80},  {2, 1, 128},
                          {3, 1, 97}, {2, 1, 255}, {1, 1, 512}, {32, 1, 40}, {6, 2, 16, 1.5f}};
  for (const Shape &shape : shapes) {
    for (const uint32_t window : {0u, 1u, 5u, 70u}) {
      check_decode(kernels, shape, 1, window, 1, 1.5f, false, random);
      check_decode(kernels, shape, 2, window, 3, 1.5f, false, random); // an empty split
      check_decode(kernels, shape, 83, window, 1, 1.5f, false, random);
      check_decode(kernels, shape, 83, window, 7, 1.5f, false, random); // empty ones for small windows
    }
  }
  check_decode(kernels, {2, 2, 8}, 90, 0, 4, 60, false, random); // weights that are 0 or 1
  check_decode(kernels, {4, 2, 16}, 90, 20, 3, 1, true, random);
  check_decode(kernels, {1, 1, 2}, (1 << 17) - 3, 0, 60, 2, false, random);
  for (const uint32_t splits : {1u, 4u, 30u}) check_special_scores(kernels, splits);
}

} // namespace

int main() { return in_each_order(check_all); }

// Attention of one row in f64, and how far f32 may be from it.
//
// A score is a sum of head_dim products, in any order, and a scaling: it is off by δ ≤ (head_dim + 2) u · scale Σ |q
// k|, u = 2^-24, and a soft cap adds CAP_ROUNDING u of it. A weight exp(score - largest) is off by a factor of 2 δ, by
// the rounding of its argument, 2 u · largest |score|, and by that of the exponential. Each time a larger score is
// looked for, what was summed before is corrected by an exponential and a product; the arguments of all corrections of
// a sum together are rounded by no more than that of a weight. P weights are summed with a rounding each. All of this
// counts for numerator and denominator, and a quotient is left. What is below the normal numbers may be lost.
#pragma once

#include "launcher.h"
#include "tolerance.h"

#include "../parameters.h"

namespace cider::test {

// Queries of rows, and keys and values of positions, all [.., head, head_dim] as a cache never is: [positions,
// kv_heads, head_dim].
struct AttentionCase {
  AttentionParameters parameters;
  const float *q, *k, *v;
  double corrections; // of a sum, at most
};

// Checks out [head_dim] of a head of a row.
inline void check_attention_row(const AttentionCase &given, uint32_t row, uint32_t head, const float *out,
                                double *scores) {
  const AttentionParameters &p = given.parameters;
  const uint32_t end = p.first_position + row + 1;
  const uint32_t begin = p.sliding_window == 0 || p.sliding_window > end ? 0 : end - p.sliding_window;
  const float *q = given.q + (size_t{row} * p.heads + head) * p.head_dim;
  const uint32_t kv_head = head / (p.heads / p.kv_heads);
  const auto at = [&](uint32_t position) { return (size_t{position} * p.kv_heads + kv_head) * p.head_dim; };

  double largest = -INFINITY, size = 0, delta = 0;
  for (uint32_t position = begin; position < end; position++) {
    double score = 0, score_size = 0;
    for (uint32_t d = 0; d < p.head_dim; d++) {
      const double term = double(q[d]) * double(given.k[at(position) + d]);
      score += term;
      score_size += fabs(term);
    }
    score = capped(score * double(p.scale), p.soft_cap);
    scores[position] = score;
    largest = isnan(score) || score > largest ? score : largest;
    if (isnan(largest)) break;
    size = fmax(size, fabs(score));
    delta = fmax(delta, ((p.head_dim + 2) * score_size * fabs(double(p.scale)) +
                         (p.soft_cap > 0 ? CAP_ROUNDING * fabs(score) : 0)) *
                            UNIT);
  }
  double sum = 0;
  for (uint32_t position = begin; position < end; position++) sum += exp(scores[position] - largest);
  if (isnan(largest)) sum = NAN;
  const double weight_rounding = 2 * delta + (4 * size + EXP_ROUNDING) * UNIT;
  const double relative =
      2 * (weight_rounding + (given.corrections * (EXP_ROUNDING + 1) + (end - begin)) * UNIT) + 2 * UNIT;
  for (uint32_t d = 0; d < p.head_dim; d++) {
    double mixed = 0, mixed_size = 0;
    for (uint32_t position = begin; position < end; position++) {
      const double term = exp(scores[position] - largest) * double(given.v[at(position) + d]);
      mixed += term;
      mixed_size += fabs(term);
    }
    const double expected = mixed / sum;
    const double bound = relative * mixed_size / sum + SMALLEST_NORMAL * (end - begin + 1);
    CHECK(is_near(double(out[d]), expected, bound),
          "heads %u/%u of %u, window %u, cap %g, position %u, head %u, element %u: %.9g instead of %.9g", p.heads,
          p.kv_heads, p.head_dim, p.sliding_window, double(p.soft_cap), end - 1, head, d, double(out[d]), expected);
  }
}

// A cache [kv_heads, capacity, head_dim] of all positions, as append_kv makes it; what lies behind them is NaN.
inline void append_positions(Kernels &kernels, const AttentionParameters &given, uint32_t positions,
                             const OnGpu<float> &k, const OnGpu<float> &v, OnGpu<float> &keys, OnGpu<float> &values) {
  AttentionParameters parameters = given;
  parameters.rows = positions;
  parameters.first_position = 0;
  const uint32_t columns = given.kv_heads * given.head_dim;
  const Grid groups = {(columns + ELEMENT_THREADS - 1) / ELEMENT_THREADS, positions};
  kernels.run("append_kv", groups, ELEMENT_THREADS, k, v, keys, values, parameters);
}

} // namespace cider::test

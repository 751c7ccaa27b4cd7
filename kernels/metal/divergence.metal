// Σ p ln(p / q) of each row, for p = softmax(base logits) and q = softmax(logits).
//
// With δ = base logit - logit it is Σ p δ + ln Σ exp(logit) - ln Σ exp(base logit), whose terms are much larger than
// the result where the rows resemble each other: in f32 good enough only if the result is large itself. Else it is A +
// ln(1 + S - A) with A = Σ p (δ - c), S = Σ p (exp(c - δ) - 1 + δ - c) and c near the mean of δ: no term of S is
// negative, and A, which is next to nothing, nearly cancels itself.
#include "logits.h"

// From this divergence on the plain formula is good enough.
constant constexpr float LARGE_DIVERGENCE = 0.25f;

// In f64, where other backends compute, the probability of a token is 0 so far below the largest logit. What the base
// rules out does not count, even where the logit is -infinity.
constant constexpr float RULED_OUT = -745.13f;

// exp(-x) - 1 + x, without cancellation near 0: there, the terms of the series from x² / 2 to x^11 / 11!.
inline float exp_remainder(float x) {
  float sum = 1.0f;
#pragma clang loop unroll(full)
  for (uint n = 11; n > 2; n--) sum = fma(sum, -x / float(n), 1.0f);
  return 0.5f * x * x * sum;
}

// ln(1 + x). The rounding of 1 + x is made up for by dividing by what was added.
inline float log_of_next(float x) {
  const float sum = 1.0f + x;
  return sum == 1.0f ? x : precise::log(sum) * (x / (sum - 1.0f));
}

// Rows of logits, and their largest.
struct LogitPair {
  device const float *logits;
  device const float *base;
  float cap;
  float top, base_top;
};

// exp(base logit - largest), exp(logit - largest), the former · difference of the exponents, and 1 for a token that
// makes the divergence infinite.
inline float4 plain_terms(LogitPair pair, uint i) {
  const float b = soft_capped(pair.base[i], pair.cap) - pair.base_top;
  const float m = soft_capped(pair.logits[i], pair.cap) - pair.top;
  const float weight = precise::exp(b);
  const bool is_infinite = m == -INFINITY && b > RULED_OUT;
  return float4(weight, precise::exp(m), weight == 0 || is_infinite ? 0.0f : weight * (b - m),
                is_infinite ? 1.0f : 0.0f);
}

// The terms of A and S, times exp of the largest base logit.
inline float2 centered_terms(LogitPair pair, uint i, float center) {
  const float b = soft_capped(pair.base[i], pair.cap);
  const float m = soft_capped(pair.logits[i], pair.cap);
  const float weight = precise::exp(b - pair.base_top);
  const float x = b - m - center;
  if (fabs(x) <= 0.5f) return float2(weight * x, weight * exp_remainder(x));
  // The base may have no weight where the logit has.
  const float weighted = weight == 0 ? 0.0f : weight * x;
  return float2(weighted, precise::exp(m + center - pair.base_top) - weight + weighted);
}

inline float4 sum_plain_terms(LogitPair pair, uint columns, RowThread self) {
  float4 sum = float4(0);
  for (uint from = self.index; from < columns; from += ROW_THREADS * LOGITS_PER_PART) {
    const uint end = min(columns, from + ROW_THREADS * LOGITS_PER_PART);
    float4 part = float4(0);
    for (uint i = from; i < end; i += ROW_THREADS) part += plain_terms(pair, i);
    sum += part;
  }
  return sum;
}

inline float2 sum_centered_terms(LogitPair pair, uint columns, float center, RowThread self) {
  float2 sum = float2(0);
  for (uint from = self.index; from < columns; from += ROW_THREADS * LOGITS_PER_PART) {
    const uint end = min(columns, from + ROW_THREADS * LOGITS_PER_PART);
    float2 part = float2(0);
    for (uint i = from; i < end; i += ROW_THREADS) part += centered_terms(pair, i, center);
    sum += part;
  }
  return sum;
}

inline float divergence_of(LogitPair pair, uint columns, threadgroup float *parts, RowThread self) {
  const float4 terms = sum_plain_terms(pair, columns, self);
  const float base_sum = row_sum(terms.x, parts, self);
  const float model_sum = row_sum(terms.y, parts, self);
  const float mean = row_sum(terms.z, parts, self) / base_sum;
  const bool is_infinite = row_sum(terms.w, parts, self) > 0;
  const float plain = mean + precise::log(model_sum) - precise::log(base_sum);
  if (is_infinite) return plain + INFINITY; // NaN if something else is
  if (!(plain < LARGE_DIVERGENCE)) return plain;
  const float2 centered = sum_centered_terms(pair, columns, mean + (pair.base_top - pair.top), self);
  const float deviation = row_sum(centered.x, parts, self) / base_sum;
  const float remainder = row_sum(centered.y, parts, self) / base_sum;
  return deviation + log_of_next(remainder - deviation);
}

kernel void divergence(device const float *logits [[buffer(0)]], device const float *base_logits [[buffer(1)]],
                       device float2 *out [[buffer(2)]], constant CrossEntropyParameters &parameters [[buffer(3)]],
                       uint row [[threadgroup_position_in_grid]], uint index [[thread_index_in_threadgroup]],
                       uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]) {
  threadgroup float sums[ROW_SIMDGROUPS];
  threadgroup int orders[ROW_SIMDGROUPS];
  threadgroup uint indices[ROW_SIMDGROUPS];
  const RowThread self = {index, lane, simdgroup};
  const uint columns = parameters.columns;
  LogitPair pair;
  pair.logits = logits + size_t(row) * columns;
  pair.base = base_logits + size_t(row) * columns;
  pair.cap = parameters.soft_cap;
  const int order = largest_order(pair.logits, columns, pair.cap, orders, self);
  const int base_order = largest_order(pair.base, columns, pair.cap, orders, self);
  const uint first = index_of_largest(pair.logits, columns, pair.cap, order, indices, self);
  const uint base_first = index_of_largest(pair.base, columns, pair.cap, base_order, indices, self);
  pair.top = float_of(order);
  pair.base_top = float_of(base_order);
  const float result = divergence_of(pair, columns, sums, self);
  if (index == 0) out[row] = float2(result, first == base_first ? 1.0f : 0.0f);
}

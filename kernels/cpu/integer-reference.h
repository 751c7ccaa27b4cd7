// docs/numerics.md, sections 1 to 4, naively: what tests compare with.
#pragma once

#include <math.h>
#include <stdint.h>
#include <string.h>

namespace cider::test {

// Whether bits are the same; which NaN a NaN is depends on the processor.
inline bool same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

// Codes of a row x [k], and its scale.
inline float quantize_row(const float *x, uint32_t k, int8_t *codes) {
  float absmax = 0.0f;
  bool finite = true;
  for (uint32_t i = 0; i < k; i++) {
    finite = finite && isfinite(x[i]);
    absmax = fmaxf(absmax, fabsf(x[i]));
  }
  const float scale = absmax / 127.0f;
  const float inverse = 127.0f / absmax;
  memset(codes, 0, k);
  if (!finite) return NAN;
  if (!isnormal(scale) || !isnormal(inverse)) return 1.0f;
  for (uint32_t i = 0; i < k; i++) {
    codes[i] = static_cast<int8_t>(fminf(fmaxf(rintf(x[i] * inverse), -127.0f), 127.0f));
  }
  return scale;
}

inline int32_t dot_product(const int8_t *a, const int8_t *b, uint32_t k) {
  int32_t sum = 0;
  for (uint32_t i = 0; i < k; i++) sum += a[i] * b[i];
  return sum;
}

// A weight of codes [n, k], a byte each, and scales [n, groups].
struct IntegerWeight {
  uint32_t n, k;
  uint32_t group_size, groups; // 0: a scale a channel, and 1
  const int8_t *codes;
  const float *scales;
  const float *bias; // [n] or null
};

// An output of a row that became codes [k] and a scale.
inline float integer_output(const IntegerWeight &weight, const int8_t *codes, float row_scale, uint32_t output) {
  const int8_t *row = weight.codes + size_t{output} * weight.k;
  const float *scales = weight.scales + size_t{output} * weight.groups;
  float y;
  if (weight.group_size == 0) {
    y = (static_cast<float>(dot_product(codes, row, weight.k)) * row_scale) * scales[0];
  } else {
    float total = 0.0f;
    for (uint32_t group = 0; group < weight.groups; group++) {
      const uint32_t from = group * weight.group_size;
      const uint32_t size = weight.k - from < weight.group_size ? weight.k - from : weight.group_size;
      total = total + static_cast<float>(dot_product(codes + from, row + from, size)) * scales[group];
    }
    y = total * row_scale;
  }
  return weight.bias ? y + weight.bias[output] : y;
}

} // namespace cider::test

// docs/numerics.md, sections 1 to 4, naively.
#pragma once

#include "../../cpu/test.h"

namespace cider::test {

// Whether bits are the same; which NaN a NaN is depends on the processor.
bool same(float a, float b);

// Codes of a row x [k], and its scale.
float quantize_row(const float *x, uint32_t k, int8_t *codes);

int32_t dot_product(const int8_t *a, const int8_t *b, uint32_t k);

// A weight of codes [n, k], a byte each, and scales [n, groups].
struct IntegerWeight {
  uint32_t n, k;
  uint32_t group_size, groups; // 0: a scale a channel, and 1
  const int8_t *codes;
  const float *scales;
  const float *bias; // [n] or null
};

// An output of a row that became codes [k] and a scale.
float integer_output(const IntegerWeight &weight, const int8_t *codes, float row_scale, uint32_t output);

} // namespace cider::test

// What becomes of the sums of an integer product: docs/numerics.md section 4, each operation rounded by itself.
#pragma once

#include "exact-floats.h"

// A sum of at least 1 times a normal scale is normal; only what follows may be subnormal.
inline float scaled_by_channel(int sum, float x_scale, float weight_scale) {
  return exact_product(float(sum) * x_scale, weight_scale);
}

// The next group of a row. Nothing here is subnormal if no scale but 0 is smaller than 2^-60: every term and every sum
// is a multiple of 2^-83.
inline float with_group(float total, int sum, float weight_scale) { return total + float(sum) * weight_scale; }

// The same for scales of any size.
inline float with_any_group(float total, int sum, float weight_scale) {
  return exact_sum(total, exact_product(float(sum), weight_scale));
}

inline float scaled_by_group(float total, float x_scale) { return exact_product(total, x_scale); }

inline float with_bias(float y, bool has_bias, float bias) { return has_bias ? exact_sum(y, bias) : y; }

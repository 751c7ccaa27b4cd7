// docs/numerics.md once more in plain C++, for the trial to compare with.
#pragma once

#include <stdint.h>

namespace cider::metal {

// SplitMix64 (Steele, Lea, Flood 2014): the same sequence everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t bits();
  // From `low` on, below `high`.
  int32_t between(int32_t low, int32_t high);
  // A number in ± [1, 2) times a power of two with an exponent from `low` on, below `high`.
  float with_exponent(int32_t low, int32_t high);

private:
  uint64_t state_;
};

// Section 1: the codes of a row and its scale.
float quantize_row(const float *x, uint32_t k, int8_t *codes);

// A row of activation codes and one of weights, with what scales them.
struct Dot {
  const int8_t *x, *weight; // [k]
  uint32_t k;
  uint32_t group_size; // 0: one scale
  float x_scale;
  const float *weight_scales; // [groups]
  const float *bias;          // null for none
};

// Section 3.
int32_t sum_of(const int8_t *x, const int8_t *weight, uint32_t k);
// Section 4.
float output_of(const Dot &dot);

// Equal bits, or NaN both.
bool is_same(float a, float b);

} // namespace cider::metal

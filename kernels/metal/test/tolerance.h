// How far results in f32 may be from those in f64.
#pragma once

#include <math.h>

namespace cider::test {

// Half the distance from 1 to the next f32: the largest relative error of a rounding. Sums, products, quotients and
// square roots are rounded once each.
constexpr double UNIT = 0x1p-24;

// Roundings of functions, in units of UNIT: Metal promises 4 ulp for exp and log and 5 for tanh, and an ulp is at most
// two of them.
constexpr double EXP_ROUNDING = 8;
constexpr double LOG_ROUNDING = 8;
constexpr double TANH_ROUNDING = 10;
// cap · tanh(x / cap): a quotient, whose error tanh does not magnify, and a product.
constexpr double CAP_ROUNDING = TANH_ROUNDING + 2;

// The smallest normal f32: what is below it, GPUs may take for 0 before an operation and after it.
constexpr double SMALLEST_NORMAL = 0x1p-126;

// NaN is near NaN only, and an infinity near itself.
inline bool is_near(double got, double expected, double bound) {
  if (isnan(expected)) return isnan(got);
  return isinf(expected) ? got == expected : fabs(got - expected) <= bound;
}

// cap · tanh(value / cap); 0: the value.
inline double capped(double value, float cap) {
  return cap > 0 ? static_cast<double>(cap) * tanh(value / static_cast<double>(cap)) : value;
}

} // namespace cider::test

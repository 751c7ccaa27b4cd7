#include "reference.h"

#include <math.h>
#include <string.h>

namespace cider::metal {

uint64_t Random::bits() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int32_t Random::between(int32_t low, int32_t high) {
  return low + static_cast<int32_t>((bits() >> 32) * static_cast<uint64_t>(high - low) >> 32);
}

float Random::with_exponent(int32_t low, int32_t high) {
  const uint64_t random = bits();
  const auto fraction = static_cast<float>(random >> 41) * 0x1p-23f;
  const float magnitude = ldexpf(1 + fraction, between(low, high));
  return random % 2 == 0 ? magnitude : -magnitude;
}

float quantize_row(const float *x, uint32_t k, int8_t *codes) {
  memset(codes, 0, k);
  float absmax = 0;
  for (uint32_t i = 0; i < k; i++) {
    const float magnitude = fabsf(x[i]);
    if (!(magnitude < INFINITY)) return NAN;
    absmax = magnitude > absmax ? magnitude : absmax;
  }
  const float scale = absmax / 127;
  const float inverse = 127 / absmax;
  if (!isnormal(scale) || !isnormal(inverse)) return 1;
  for (uint32_t i = 0; i < k; i++) {
    const float rounded = rintf(x[i] * inverse);
    codes[i] = static_cast<int8_t>(fminf(fmaxf(rounded, -127), 127));
  }
  return scale;
}

int32_t sum_of(const int8_t *x, const int8_t *weight, uint32_t k) {
  int32_t sum = 0;
  for (uint32_t i = 0; i < k; i++) sum += int32_t{x[i]} * weight[i];
  return sum;
}

float output_of(const Dot &dot) {
  float y;
  if (dot.group_size == 0) {
    y = static_cast<float>(sum_of(dot.x, dot.weight, dot.k)) * dot.x_scale * dot.weight_scales[0];
  } else {
    float total = 0;
    for (uint32_t first = 0; first < dot.k; first += dot.group_size) {
      const uint32_t size = dot.k - first < dot.group_size ? dot.k - first : dot.group_size;
      const auto sum = static_cast<float>(sum_of(dot.x + first, dot.weight + first, size));
      total += sum * dot.weight_scales[first / dot.group_size];
    }
    y = total * dot.x_scale;
  }
  return dot.bias == nullptr ? y : y + *dot.bias;
}

bool is_same(float a, float b) { return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); }

} // namespace cider::metal

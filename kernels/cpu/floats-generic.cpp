// The float kernels in plain C++: what the vector ones are compared with, and what runs where none of them does.
#include <math.h>
#include <string.h>

#include "float-kernels.h"

namespace cider {
namespace {

constexpr uint32_t PANEL = 16;
constexpr uint32_t TILE_ROWS = 4;

// Element (row, k) of the tile is tile[row · row_stride + k · depth_stride].
template <uint32_t rows, uint32_t row_stride, uint32_t depth_stride>
void multiply(const Product &product) {
  const auto &[tile, panel, depth, addend, addend_stride, out, out_stride, next, next_lines] = product;
  for (uint32_t i = 0; i < rows; i++) {
    float sums[PANEL] = {};
    for (size_t k = 0; k < depth; k++) {
      const float x = tile[i * row_stride + k * depth_stride];
      for (uint32_t n = 0; n < PANEL; n++) sums[n] += x * panel[k * PANEL + n];
    }
    for (uint32_t n = 0; n < PANEL; n++) out[i * out_stride + n] = addend[i * addend_stride + n] + sums[n];
  }
}

constexpr Multiply multiply_packed[TILE_ROWS + 1] = {nullptr, multiply<1, 1, 1>, multiply<2, 1, 2>, multiply<3, 1, 3>,
                                                     multiply<4, 1, 4>};
constexpr Multiply multiply_scores[TILE_ROWS + 1] = {nullptr, multiply<1, SCORE_STRIDE, 1>,
                                                     multiply<2, SCORE_STRIDE, 1>, multiply<3, SCORE_STRIDE, 1>,
                                                     multiply<4, SCORE_STRIDE, 1>};

float float_of_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The i-th element of memory that need not be aligned.
template <class Bits>
Bits element(const void *elements, size_t i) {
  Bits bits;
  memcpy(&bits, static_cast<const uint8_t *>(elements) + i * sizeof bits, sizeof bits);
  return bits;
}

float widen_f32(const void *elements, size_t i) { return element<float>(elements, i); }
float widen_bf16(const void *elements, size_t i) {
  return float_of_bits(static_cast<uint32_t>(element<uint16_t>(elements, i)) << 16);
}
float widen_f16(const void *elements, size_t i) {
  const uint32_t bits = element<uint16_t>(elements, i);
  const uint32_t sign = (bits & 0x8000) << 16;
  const uint32_t magnitude = bits & 0x7fff;
  if (magnitude >= 0x7c00) return float_of_bits(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return float_of_bits(sign | ((magnitude << 13) + ((127 - 15) << 23)));
  const float subnormal = static_cast<float>(magnitude) * 0x1p-24f;
  return sign != 0 ? -subnormal : subnormal;
}

using WidenElement = float (*)(const void *elements, size_t i);

template <WidenElement widen>
void widen_row(const void *elements, size_t count, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = widen(elements, i);
}

// Where element k of output n is: see float-kernels.h.
size_t in_order(size_t k, size_t n) { return k * PANEL + n; }
size_t in_pairs(size_t k, size_t n) { return (k / 2 * PANEL + n) * 2 + k % 2; }
using Order = size_t (*)(size_t k, size_t n);

template <WidenElement widen, Order order>
void widen_dense(const void *elements, const float *, uint32_t depth, float *out) {
  for (size_t k = 0; k < depth; k++) {
    for (size_t n = 0; n < PANEL; n++) out[k * PANEL + n] = widen(elements, order(k, n));
  }
}

// Code of output n at k of a group.
template <uint32_t bits>
float code_at(const uint8_t *codes, size_t k, uint32_t n) {
  if (bits == 8) return codes[k * PANEL + n];
  return static_cast<float>(codes[k / 2 * PANEL + n] >> k % 2 * 4 & 15);
}

template <uint32_t bits>
void widen_affine(const void *elements, const float *group, uint32_t depth, float *out) {
  const uint8_t *codes = static_cast<const uint8_t *>(elements);
  for (size_t k = 0; k < depth; k++) {
    for (uint32_t n = 0; n < PANEL; n++) out[k * PANEL + n] = code_at<bits>(codes, k, n) * group[n] + group[PANEL + n];
  }
}

template <WidenElement widen, Order order>
void multiply_vector_dense(const void *panel, const float *x, const float *, uint32_t k, uint32_t, float *out) {
  float sums[PANEL] = {};
  for (size_t i = 0; i < k; i++) {
    for (uint32_t n = 0; n < PANEL; n++) sums[n] += x[i] * widen(panel, order(i, n));
  }
  memcpy(out, sums, sizeof sums);
}

template <uint32_t bits>
void multiply_vector_affine(const void *panel, const float *x, const float *x_sums, uint32_t k, uint32_t group_size,
                            float *out) {
  const uint8_t *data = static_cast<const uint8_t *>(panel);
  float totals[PANEL] = {};
  for (size_t from = 0; from < k; from += group_size, x_sums++) {
    const size_t depth = k - from < group_size ? k - from : group_size;
    const uint8_t *codes = data + 2 * PANEL * sizeof(float);
    for (uint32_t n = 0; n < PANEL; n++) {
      float sum = 0;
      for (size_t i = 0; i < depth; i++) sum += x[from + i] * code_at<bits>(codes, i, n);
      totals[n] += widen_f32(data, n) * sum + widen_f32(data, PANEL + n) * *x_sums;
    }
    data = codes + (bits == 8 ? depth : (depth + 1) / 2) * PANEL;
  }
  memcpy(out, totals, sizeof totals);
}

float largest(const float *x, size_t count, float scale) {
  float best = -INFINITY;
  for (size_t i = 0; i < count; i++) best = scale * x[i] > best ? scale * x[i] : best;
  return best;
}

float exponentiate(float *x, size_t count, float scale, float shift) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    x[i] = expf(scale * x[i] - shift);
    sum += x[i];
  }
  return static_cast<float>(sum);
}

double sum_squares(const float *x, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += static_cast<double>(x[i]) * x[i];
  return sum;
}

void scale_by(const float *x, double factor, const float *gain, size_t count, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = static_cast<float>(x[i] * factor * gain[i]);
}

void silu_mul(const float *a, const float *b, size_t count, float *out) {
  for (size_t i = 0; i < count; i++) {
    const double x = a[i];
    out[i] = static_cast<float>(x / (1 + exp(-x)) * b[i]);
  }
}

void gelu_tanh_mul(const float *a, const float *b, size_t count, float *out) {
  constexpr double sqrt_2_over_pi = 0x1.9884533d43651p-1;
  for (size_t i = 0; i < count; i++) {
    const double x = a[i];
    const double u = sqrt_2_over_pi * (x + 0.044715 * x * x * x);
    out[i] = static_cast<float>(x / (1 + exp(-2 * u)) * b[i]);
  }
}

void soft_cap(float *x, size_t count, float scale, float cap) {
  for (size_t i = 0; i < count; i++) x[i] = cap * tanhf(scale * x[i] / cap);
}

void add(const float *a, const float *b, size_t count, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

void rotation(const float *frequencies, uint32_t position, float factor, uint32_t count, float *cosines, float *sines) {
  for (uint32_t i = 0; i < count; i++) {
    const double angle = static_cast<float>(static_cast<double>(position) * frequencies[i]);
    cosines[i] = static_cast<float>(cos(angle)) * factor;
    sines[i] = static_cast<float>(sin(angle)) * factor;
  }
}

void rotate(float *first, float *second, const float *cosines, const float *sines, uint32_t half) {
  for (uint32_t i = 0; i < half; i++) {
    const float a = first[i];
    const float b = second[i];
    first[i] = a * cosines[i] - b * sines[i];
    second[i] = b * cosines[i] + a * sines[i];
  }
}

constexpr FloatKernels float_kernels = {
    .split = nullptr,
    .panel = PANEL,
    .tile_rows = TILE_ROWS,
    .multiply = multiply_packed,
    .multiply_scores = multiply_scores,
    .widen = {widen_dense<widen_f32, in_order>, widen_dense<widen_f16, in_order>, widen_dense<widen_bf16, in_pairs>,
              widen_affine<8>, widen_affine<4>},
    .multiply_vector = {multiply_vector_dense<widen_f32, in_order>, multiply_vector_dense<widen_f16, in_order>,
                        multiply_vector_dense<widen_bf16, in_pairs>, multiply_vector_affine<8>,
                        multiply_vector_affine<4>},
    .widen_row = {widen_row<widen_f32>, widen_row<widen_f16>, widen_row<widen_bf16>},
    .largest = largest,
    .exponentiate = exponentiate,
    .soft_cap = soft_cap,
    .sum_squares = sum_squares,
    .scale_by = scale_by,
    .silu_mul = silu_mul,
    .gelu_tanh_mul = gelu_tanh_mul,
    .add = add,
    .rotation = rotation,
    .rotate = rotate,
};

} // namespace

const FloatKernels *float_kernels_generic() { return &float_kernels; }

} // namespace cider

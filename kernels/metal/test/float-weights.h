// Weights of float layers in all formats, as their kernels take them and as f64.
#pragma once

#include "launcher.h"

#include "../parameters.h"

#include <math.h>

namespace cider::test {

enum class Elements { f32, f16, bf16, affine8, affine4 };

struct FloatLayer {
  Elements elements;
  uint32_t n, k;
  uint32_t group_size; // of codes
  bool is_aligned;     // rows begin at multiples of 16 bytes
  bool has_bias;
};

inline bool is_affine(Elements elements) { return elements == Elements::affine8 || elements == Elements::affine4; }

class FloatWeights {
public:
  FloatWeights(const FloatLayer &layer, Random &random)
      : layer_(layer), stride_(layer.is_aligned ? (row_bytes(layer) + 15) / 16 * 16 : row_bytes(layer)),
        groups_(layer.group_size == 0 ? 1 : (layer.k + layer.group_size - 1) / layer.group_size),
        bytes_(size_t{layer.n} * stride_), scales_(size_t{layer.n} * groups_), biases_(scales_.size()), bias_(layer.n) {
    fill(scales_, 0.05f, 0.1f, random);
    fill(biases_, -1, 1, random);
    fill(bias_, -1, 1, random);
    for (size_t i = 0; i < bytes_.size(); i++) bytes_[i] = static_cast<uint8_t>(random.bits());
    for (uint32_t row = 0; row < layer.n; row++) {
      for (uint32_t k = 0; k < layer.k; k++) set(row, k, random);
    }
  }

  // What w · x is off by is relative to `size`, which is more than |w| where a scaled code and its bias cancel.
  double value(uint32_t row, uint32_t k, double &size) const {
    const double element = stored(row, k);
    size = fabs(element);
    if (!is_affine(layer_.elements)) return element;
    const size_t group = size_t{row} * groups_ + (layer_.group_size == 0 ? 0 : k / layer_.group_size);
    size = double(scales_[group]) * element + fabs(double(biases_[group]));
    return double(scales_[group]) * element + double(biases_[group]);
  }

  // Σ_k x[row, k] · w[n, k] of x [m, k], without the bias; what it is off by is relative to `size`.
  double product(const OnGpu<float> &x, uint32_t row, uint32_t n, double &size) const {
    double sum = 0;
    size = 0;
    for (uint32_t k = 0; k < layer_.k; k++) {
      double weight_size;
      const double activation = double(x[size_t{row} * layer_.k + k]);
      sum += activation * value(n, k, weight_size);
      size += fabs(activation) * weight_size;
    }
    return sum;
  }

  double bias(uint32_t row) const { return layer_.has_bias ? double(bias_[row]) : 0; }

  // out [m, n] of x [m, k], by the kernel for a single row or by that for several.
  void multiply(Kernels &kernels, uint32_t m, const OnGpu<float> &x, const OnGpu<float> &out) const {
    constexpr const char *mv[] = {"dense_f32_mv", "dense_f16_mv", "dense_bf16_mv", "affine8_mv", "affine4_mv"};
    constexpr const char *gemm[] = {"dense_f32_gemm", "dense_f16_gemm", "dense_bf16_gemm", "affine8_gemm",
                                    "affine4_gemm"};
    const char *name = (m == 1 ? mv : gemm)[static_cast<int>(layer_.elements)];
    const Grid groups = m == 1 ? Grid{(layer_.n + MV_ROWS - 1) / MV_ROWS}
                               : Grid{(layer_.n + FLOAT_TILE - 1) / FLOAT_TILE, (m + FLOAT_TILE - 1) / FLOAT_TILE};
    const uint32_t threads = m == 1 ? MV_THREADS : FLOAT_THREADS;
    if (is_affine(layer_.elements)) {
      kernels.run(name, groups, threads, x, bytes_, out, scales_, biases_, bias_, parameters(m));
    } else {
      kernels.run(name, groups, threads, x, bytes_, out, nothing, nothing, bias_, parameters(m));
    }
  }

  // The same of bf16 weights and activations in two parts.
  void multiply_split(Kernels &kernels, uint32_t m, const OnGpu<uint16_t> &high, const OnGpu<uint16_t> &low,
                      const OnGpu<float> &out) const {
    const Grid groups = {(layer_.n + FLOAT_TILE - 1) / FLOAT_TILE, (m + FLOAT_TILE - 1) / FLOAT_TILE};
    kernels.run("split_bf16_gemm", groups, FLOAT_THREADS, high, bytes_, out, low, nothing, bias_, parameters(m));
  }

private:
  FloatLinearParameters parameters(uint32_t m) const {
    return {m, layer_.n, layer_.k, stride_, layer_.group_size, groups_, layer_.has_bias};
  }

  static uint32_t row_bytes(const FloatLayer &layer) {
    switch (layer.elements) {
    case Elements::f32:
      return 4 * layer.k;
    case Elements::f16:
    case Elements::bf16:
      return 2 * layer.k;
    case Elements::affine8:
      return layer.k;
    default:
      return (layer.k + 1) / 2;
    }
  }

  // Codes are the random bytes that are there; floats are in [-1, 1], some of f16 subnormal.
  void set(uint32_t row, uint32_t k, Random &random) {
    uint8_t *at = bytes_.data() + size_t{row} * stride_;
    const float value = random.uniform(-1, 1);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const auto upper = static_cast<uint16_t>(bits >> 16);
    const auto half = static_cast<uint16_t>((random.bits() & 0x8000) | random.below(0x3c00));
    if (layer_.elements == Elements::f32) memcpy(at + 4 * size_t{k}, &value, 4);
    if (layer_.elements == Elements::f16) memcpy(at + 2 * size_t{k}, &half, 2);
    if (layer_.elements == Elements::bf16) memcpy(at + 2 * size_t{k}, &upper, 2);
  }

  double stored(uint32_t row, uint32_t k) const {
    const uint8_t *at = bytes_.data() + size_t{row} * stride_;
    if (layer_.elements == Elements::affine8) return at[k];
    if (layer_.elements == Elements::affine4) return k % 2 == 0 ? at[k / 2] & 15 : at[k / 2] >> 4;
    if (layer_.elements == Elements::f32) {
      float value;
      memcpy(&value, at + 4 * size_t{k}, 4);
      return double(value);
    }
    uint16_t bits;
    memcpy(&bits, at + 2 * size_t{k}, 2);
    if (layer_.elements == Elements::bf16) {
      const uint32_t wide = uint32_t{bits} << 16;
      float value;
      memcpy(&value, &wide, 4);
      return double(value);
    }
    const int exponent = (bits >> 10) & 31;
    const double size = exponent == 0 ? ldexp(bits & 1023, -24) : ldexp(1024 + (bits & 1023), exponent - 25);
    return (bits & 0x8000) != 0 ? -size : size;
  }

  FloatLayer layer_;
  uint32_t stride_, groups_;
  OnGpu<uint8_t> bytes_;
  OnGpu<float> scales_, biases_, bias_;
};

} // namespace cider::test

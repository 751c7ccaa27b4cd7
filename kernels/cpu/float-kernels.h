// What an instruction set supplies for float operations. float-gemm.cpp, attention.cpp and their neighbours
// drive it.
//
// Matrices are multiplied in blocks: a tile of up to `tile_rows` rows of activations by a panel of `panel` outputs. A
// panel of a packed weight holds its K elements for each output side by side:
//
//   f32, f16        [K, panel]
//   bf16            [⌈K / 2⌉, panel, 2], an even k beside the odd k after it; K filled up with zeros to a multiple of
//                   SPLIT_DEPTH for kernels that have matrix units
//   affine8         by group: scales [panel], biases [panel], codes [group size, panel]
//   affine4         by group: scales [panel], biases [panel], codes [⌈group size / 2⌉, panel], an even k in the low
//                   half of a byte, the odd k after it in the high half
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel-table.h"

namespace cider {

// out [rows, panel] = addend [rows, panel] + tile [rows, depth] · panel [depth, panel].
struct Product {
  const float *tile;
  const float *panel;
  uint32_t depth;
  const float *addend;
  size_t addend_stride; // floats from row to row; 0 for an addend that all rows share
  float *out;           // may be the addend
  size_t out_stride;
  // What to fetch into a cache meanwhile, from here on: so many lines before each FETCH_DEPTH k. They need not exist.
  const char *next;
  size_t next_lines;
};
constexpr uint32_t FETCH_DEPTH = 16;
using Multiply = void (*)(const Product &product);

// out [depth, panel] = elements widened to f32. `group` [2, panel] holds scales and biases of codes.
using Widen = void (*)(const void *elements, const float *group, uint32_t depth, float *out);

// out [panel] = Σ_k x[k] · w[k, :] over a whole panel. Affine codes go by Σ_groups scale · Σ code · x + bias · Σ x with
// the sums of x by group in `x_sums`, which are finite.
using MultiplyVector = void (*)(const void *panel, const float *x, const float *x_sums, uint32_t k, uint32_t group_size,
                                float *out);

struct FloatKernels {
  const AttentionKernels *attention = nullptr; // null without matrix units
  const SplitKernels *split;                   // null without matrix units
  uint32_t panel;
  uint32_t tile_rows;
  const Multiply *multiply;        // [tile_rows + 1], by rows; tile as [depth, rows]
  const Multiply *multiply_scores; // [tile_rows + 1], by rows; tile as [rows, depth] with SCORE_STRIDE
  Widen widen[5];                  // by FloatFormat
  MultiplyVector multiply_vector[5];

  // Plain bits of f16 and bf16 to f32.
  void (*widen_row[3])(const void *elements, size_t count, float *out);

  // max(scale · x), passing over NaN; -infinity if nothing else is there.
  float (*largest)(const float *x, size_t count, float scale);
  // x = exp(scale · x - shift), 2 ulp from exact; returns the sum.
  float (*exponentiate)(float *x, size_t count, float scale, float shift);

  // x = cap · tanh(scale · x / cap); cap > 0.
  void (*soft_cap)(float *x, size_t count, float scale, float cap);

  double (*sum_squares)(const float *x, size_t count);
  // out = x · factor · gain in f64, rounded once. out may be x.
  void (*scale_by)(const float *x, double factor, const float *gain, size_t count, float *out);
  // out = a · sigmoid(a) · b. out may be a or b.
  void (*silu_mul)(const float *a, const float *b, size_t count, float *out);
  // out = gelu(a) · b with gelu by its tanh approximation. out may be a or b.
  void (*gelu_tanh_mul)(const float *a, const float *b, size_t count, float *out);
  void (*add)(const float *a, const float *b, size_t count, float *out);

  // cos and sin of the f32 angles position · frequencies, rounded to f32 before they are multiplied by factor.
  void (*rotation)(const float *frequencies, uint32_t position, float factor, uint32_t count, float *cosines,
                   float *sines);
  // (first, second) [half] = (first · cos - second · sin, second · cos + first · sin)
  void (*rotate)(float *first, float *second, const float *cosines, const float *sines, uint32_t half);
};

// No instruction set has larger panels.
constexpr uint32_t MAX_PANEL = 64;

// Floats from row to row of a tile of attention weights; the same as the positions whose scores exist at a time.
constexpr uint32_t SCORE_STRIDE = 256;

} // namespace cider

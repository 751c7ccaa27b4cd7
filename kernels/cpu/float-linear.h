// Linear layers with float weights and with weight-only codes: f32 activations, products and sums in f32 (fused
// multiply-adds allowed), the same bits for any number of threads. float-linear.test.cpp derives the error bound.
//
// A weight [N, K] is packed once, into panels of a few outputs each in the order in which the kernels read them. Floats
// keep their own width and are widened in registers, which is exact; so are codes, w = scale · code + bias by group.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct FloatKernels;

// The first three are those of safetensors and have the values of CIDER_F32, CIDER_F16 and CIDER_BF16.
enum class FloatFormat : uint32_t { f32 = 0, f16 = 1, bf16 = 2, affine8 = 3, affine4 = 4 };

// Of a weight [N, K].
struct FloatShape {
  uint32_t n, k;
  FloatFormat format;
  uint32_t group_size; // affine: consecutive k that share scale and bias; 0: the whole row. The last may be shorter
};

// Packed weights are valid for the kernels that they were packed for; they hold everything, the bias of the layer too.
// Memory for them must be 64-byte aligned.
size_t float_packed_bytes(const FloatKernels &kernels, const FloatShape &shape);

struct DensePackArgs {
  FloatShape shape;  // f32, f16 or bf16
  const void *data;  // [N, K], any alignment
  const float *bias; // [N]; null for none
  void *packed;      // [float_packed_bytes]
};
void dense_pack(const FloatKernels &kernels, ThreadPool &pool, const DensePackArgs &args);

struct AffinePackArgs {
  FloatShape shape;     // affine8 or affine4
  const uint8_t *codes; // [N, K], one code a byte, also at 4 bits
  const float *scales;  // [N, groups]
  const float *biases;  // [N, groups]
  const float *bias;    // [N]; null for none
  void *packed;         // [float_packed_bytes]
};
void affine_pack(const FloatKernels &kernels, ThreadPool &pool, const AffinePackArgs &args);

struct FloatLinearArgs {
  FloatShape shape;
  const void *packed; // as dense_pack or affine_pack left it
  const float *x;     // [rows, K]
  uint32_t rows;
  float *out;    // [rows, N] = x · wᵀ + bias, not x
  void *scratch; // [float_linear_scratch_bytes]
};

// No alignment is asked of x, out and scratch.
size_t float_linear_scratch_bytes(const FloatKernels &kernels, const FloatShape &shape, uint32_t rows,
                                  uint32_t threads);
void float_linear(const FloatKernels &kernels, ThreadPool &pool, const FloatLinearArgs &args);

} // namespace cider

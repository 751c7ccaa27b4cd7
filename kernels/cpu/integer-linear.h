// Linear layers with integer weights, docs/numerics.md sections 1 and 3 to 5, over the kernels of an instruction set.
// The results of integer products have the same bits on every instruction set and for any number of threads.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

class ThreadPool;
struct IntegerKernels;
struct QuantizeKernels;

// Of a weight [N, K].
struct IntegerShape {
  uint32_t n, k;       // k ≤ 131071
  uint32_t group_size; // consecutive k that share a scale; 0: one scale a row. The last group may be shorter
  uint32_t bits;       // 8 or 4
};

// Packed weights are valid for the kernels that they were packed for; they hold codes, scales and bias. Memory for
// them must be 64-byte aligned.
size_t integer_packed_bytes(const IntegerKernels &kernels, const IntegerShape &shape);

struct IntegerPackArgs {
  IntegerShape shape;
  const int8_t *codes; // [N, K], one code an element, also at 4 bits
  const float *scales; // [N, groups]
  const float *bias;   // [N]; null for none
  void *packed;        // [integer_packed_bytes]
};
void integer_pack(const IntegerKernels &kernels, ThreadPool &pool, const IntegerPackArgs &args);

struct IntegerLinearArgs {
  IntegerShape shape;
  const void *packed; // as integer_pack left it
  const float *x;     // [rows, K]
  uint32_t rows;
  float *out;               // [rows, N], not x
  bool quantize_single_row; // rows = 1: sections 1 to 4 all the same, instead of section 5
  void *scratch;            // [integer_linear_scratch_bytes]
};

// No alignment is asked of scratch, x or out.
size_t integer_linear_scratch_bytes(const IntegerKernels &kernels, const IntegerShape &shape, uint32_t rows,
                                    uint32_t threads);
void integer_linear(const IntegerKernels &kernels, const QuantizeKernels &quantize, ThreadPool &pool,
                    const IntegerLinearArgs &args);

struct IntegerMatmulArgs {
  const int8_t *a;  // [m, k]
  const int8_t *b;  // [n, k]
  int32_t *out;     // [m, n] = a · bᵀ, exact; -128 is allowed in both
  uint32_t m, n, k; // k ≤ 131071
  void *scratch;    // [integer_matmul_scratch_bytes], any alignment
};
size_t integer_matmul_scratch_bytes(const IntegerKernels &kernels, uint32_t m, uint32_t n, uint32_t k,
                                    uint32_t threads);
void integer_matmul(const IntegerKernels &kernels, ThreadPool &pool, const IntegerMatmulArgs &args);

} // namespace cider

// Floats to integer codes and scales: activations per token and weights by min-max, docs/numerics.md sections 1 and 2,
// with the same bits on every instruction set.
#pragma once

#include <stdint.h>

#include "../abi/weight-shape.h"

namespace cider {

class ThreadPool;

// What the codes of a width can be, and what an absmax is divided by to give its scale.
struct CodeRange {
  float divisor;
  int32_t lowest, highest;
};

// For int4 the scale lies half a step beyond the largest code, so that -8 is used too.
static inline constexpr CodeRange code_range(int32_t bits) {
  return bits == 8 ? CodeRange{127.0f, -127, 127} : CodeRange{7.5f, -8, 7};
}

// No alignment is asked of any pointer.
struct QuantizeKernels {
  // Section 1: codes [k] of one row x [k]; returns its scale. A row too small to scale gets scale 1 and codes 0, one
  // with a NaN or an infinity scale NaN and codes 0.
  float (*quantize_row)(const float *x, uint32_t k, int8_t *codes);

  // Section 2: codes [columns] and scales [groups] of one row, source [columns] of the format that is the index
  // (CIDER_F32, CIDER_F16, CIDER_BF16). False at a NaN or an infinity; codes and scales are then partly written.
  bool (*quantize_groups[3])(const void *source, uint32_t columns, uint32_t group_size, CodeRange range, int8_t *codes,
                             float *scales);
};

// Codes [rows, columns] and scales [rows] of activations x [rows, columns].
void quantize_per_token(const QuantizeKernels &kernels, ThreadPool &pool, const float *x, uint32_t rows,
                        uint32_t columns, int8_t *codes, float *scales);

struct QuantizeRowsArgs {
  const void *source; // [rows, columns] of dtype
  int32_t dtype;      // CIDER_F32, CIDER_F16 or CIDER_BF16
  int32_t bits;       // 8 or 4
  uint32_t rows, columns;
  uint32_t group_size; // consecutive columns that share a scale; 0: the whole row
  int8_t *codes;       // [rows, columns], one code an element, also at 4 bits
  float *scales;       // [rows, groups]
};

// The first NaN or infinity of a weight, if there is one.
struct NonFinite {
  bool found;
  uint32_t row, column;
};

// Codes and scales of weights; partly written if the source holds a NaN or an infinity.
NonFinite quantize_rows(const QuantizeKernels &kernels, ThreadPool &pool, const QuantizeRowsArgs &args);

} // namespace cider

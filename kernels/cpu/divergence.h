// How far the distributions that one model gives are from those of another, over chunks of rows of logits.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "float-linear.h"
#include "integer-linear.h"

namespace cider {

struct Kernels;

// Hidden states and the layer that makes logits [rows, N] of them.
struct LogitSource {
  bool is_integer;
  IntegerShape integer; // if it is
  FloatShape floats;    // else
  const void *packed;   // as the pack function of its kind left it
  const float *x;       // [rows, K]

  uint32_t n() const { return is_integer ? integer.n : floats.n; }
  uint32_t k() const { return is_integer ? integer.k : floats.k; }
};

struct DivergenceArgs {
  LogitSource model, base; // of equal n
  double *divergences;     // [rows]: Σ p ln(p / q) in nats, p of the base, q of the model
  uint8_t *same_top;       // [rows]: whether the largest logits have the same index, of equal ones the smallest
  uint32_t rows;
  float soft_cap; // of both logits, as softCap has it; 0: none
  void *scratch;  // [divergence_scratch_bytes]
};

// No alignment is asked of scratch. Integer layers quantize activations also of a single row.
size_t divergence_scratch_bytes(const Kernels &kernels, const LogitSource &model, const LogitSource &base,
                                uint32_t rows, uint32_t threads);
void divergence(const Kernels &kernels, ThreadPool &pool, const DivergenceArgs &args);

} // namespace cider

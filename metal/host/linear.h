// Linear layers of every kind of weight.
#pragma once

#include "weights.h"

namespace cider::metal {

struct LinearArgs {
  const Weight &weight;
  Argument x;   // f32 [rows, K]
  Argument out; // f32 [rows, N]
  uint32_t rows;
  bool quantize_single_row; // integer weights and one row: quantize the activations all the same
};
int linear(Device &device, const LinearArgs &args);

} // namespace cider::metal

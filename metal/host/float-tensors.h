// Products of floats with weights of bf16 by Metal's tensors: activations are split into two bf16 each, whose sum they
// are but for their last bits.
#pragma once

#include "device.h"

namespace cider::metal {

struct SplitProduct {
  Argument x;      // f32 [m, k]
  Argument weight; // bf16 [n, k]
  uint32_t weight_stride;
  Argument bias; // f32 [n]; of no buffer for none
  Argument out;  // f32 [m, n]
  uint32_t m, n, k;
};

// Whether a product has sizes that the kernels can count.
bool is_splittable(uint32_t k);

int multiply(Device &device, const SplitProduct &product);

} // namespace cider::metal

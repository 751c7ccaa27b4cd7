// Products of packed rows of activations with a range of the panels of a packed weight.
#pragma once

#include "packed-rows.h"
#include "packed-weight.h"

namespace cider {

// Panels that are multiplied in one call, at most.
constexpr uint32_t MAX_PANELS = 16;

// Floats that a thread needs to multiply.
size_t gemm_scratch_floats(const FloatKernels &kernels, const RowLayout &layout);

// out [rows of the tiles, outputs of the panels], `stride` floats from row to row, = x · wᵀ + bias.
void multiply_panels(const PackedWeight &weight, const PackedRows &x, Range tiles, Range panels, float *out,
                     size_t stride, float *scratch);

} // namespace cider

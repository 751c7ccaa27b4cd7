// multiply_panels of float-gemm.h on matrix units.
#pragma once

#include "packed-rows.h"
#include "packed-weight.h"

namespace cider {

size_t split_scratch_floats(const FloatKernels &kernels);

void multiply_panels_split(const PackedWeight &weight, const PackedRows &x, Range tiles, Range panels, float *out,
                           size_t stride, float *scratch);

} // namespace cider

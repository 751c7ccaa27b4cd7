// AVX2 with FMA and F16C: 12 of 16 registers hold sums, two weights, one an activation.
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 8;
constexpr uint32_t PANEL_VECTORS = 2;
constexpr uint32_t TILE_ROWS = 6;

} // namespace
} // namespace cider

#include "float-simd.h"
#include "float-exp.h"
#include "float-tanh.h"
#include "float-gemm-simd.h"
#include "float-rows-simd.h"

namespace cider {

const FloatKernels *float_kernels_avx2() { return &float_kernels; }

} // namespace cider

// AVX-512: 28 of 32 registers hold sums, two weights, one an activation.
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 16;
constexpr uint32_t PANEL_VECTORS = 2;
constexpr uint32_t TILE_ROWS = 14;

} // namespace
} // namespace cider

#include "float-simd.h"
#include "float-exp.h"
#include "float-tanh.h"
#include "float-gemm-simd.h"
#include "float-rows-simd.h"

namespace cider {

const FloatKernels *float_kernels_avx512() { return &float_kernels; }

} // namespace cider

// NEON: 24 of 32 registers hold sums, four weights, the others activations.
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 4;
constexpr uint32_t PANEL_VECTORS = 4;
constexpr uint32_t TILE_ROWS = 6;

} // namespace
} // namespace cider

#include "float-simd.h"
#include "float-exp.h"
#include "float-tanh.h"
#include "float-gemm-simd.h"
#include "float-rows-simd.h"

namespace cider {

const FloatKernels *float_kernels_neon() { return &float_kernels; }

} // namespace cider

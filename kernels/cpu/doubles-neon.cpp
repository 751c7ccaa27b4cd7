// NEON: 24 of 32 registers hold sums, four a row of the panel, the others factors and products.
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 2;
constexpr uint32_t PANEL_VECTORS = 4;
constexpr uint32_t TILE_ROWS = 6;

} // namespace
} // namespace cider

#include "double-simd.h"

namespace cider {

const DoubleKernels *double_kernels_neon() { return &double_kernels; }

} // namespace cider

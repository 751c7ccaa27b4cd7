// AVX2: 12 of 16 registers hold sums, two a row of the panel, the others a factor and a product.
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 4;
constexpr uint32_t PANEL_VECTORS = 2;
constexpr uint32_t TILE_ROWS = 6;

} // namespace
} // namespace cider

#include "double-simd.h"

namespace cider {

const DoubleKernels *double_kernels_avx2() { return &double_kernels; }

} // namespace cider

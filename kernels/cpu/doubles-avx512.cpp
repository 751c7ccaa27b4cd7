// AVX-512: 28 of 32 registers hold sums, two a row of the panel, the others products.
#include <stdint.h>

namespace cider {
namespace {

constexpr uint32_t LANES = 8;
constexpr uint32_t PANEL_VECTORS = 2;
constexpr uint32_t TILE_ROWS = 14;

} // namespace
} // namespace cider

#include "double-simd.h"

namespace cider {

const DoubleKernels *double_kernels_avx512() { return &double_kernels; }

} // namespace cider

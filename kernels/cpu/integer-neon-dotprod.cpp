// Integer kernels for NEON with the dot product extension.
//
// SDOT adds four products of signed bytes to each int32 lane. Weights are 4 columns by 4 codes a vector; four codes of
// an activation row, a lane of the other operand, meet all of them.
#include "integer-neon.h"

namespace cider {
namespace {

template <int Row>
[[gnu::always_inline]] inline int32x4_t multiply_add(int32x4_t sum, int8x16_t weights, int8x16_t activations) {
  return vdotq_laneq_s32(sum, weights, activations, Row % 4);
}

struct Dotprod {
  static constexpr int BLOCK = 4;
  static constexpr int ROW_MULTIPLE = 1;

  template <int Rows>
  struct Sums {
    int32x4_t sums[Rows][VECTORS];

    [[gnu::always_inline]] void clear() {
      for (auto &row : sums) {
        for (int32x4_t &sum : row) sum = vdupq_n_s32(0);
      }
    }

    // A vector of activations is the block of four rows. The last may reach beyond the tile.
    template <typename Weights>
    [[gnu::always_inline]] void add(const int8_t *tile, const Weights &weights) {
      int8x16_t activations[(Rows + 3) / 4];
      for (int i = 0; i < (Rows + 3) / 4; i++) activations[i] = vld1q_s8(tile + 16 * i);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) add_rows<0>(v, weights(v), activations);
    }

    [[gnu::always_inline]] int32x4_t row(int row, int v) const { return sums[row][v]; }

  private:
    template <int Row>
    [[gnu::always_inline]] void add_rows(int v, int8x16_t weights, const int8x16_t *activations) {
      sums[Row][v] = multiply_add<Row>(sums[Row][v], weights, activations[Row / 4]);
      if constexpr (Row + 1 < Rows) add_rows<Row + 1>(v, weights, activations);
    }
  };
};

} // namespace

const IntegerKernels *integer_kernels_neon_dotprod() { return &integer_kernels<Dotprod>; }

} // namespace cider

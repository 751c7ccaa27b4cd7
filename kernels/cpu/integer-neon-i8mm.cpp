// Integer kernels for NEON with the int8 matrix multiplication extension.
//
// SMMLA multiplies 2 rows by 8 codes of activations with 2 columns by 8 codes of weights and adds to a 2 by 2 tile of
// int32: twice the products of SDOT an instruction.
#include "integer-neon.h"

namespace cider {
namespace {

struct I8mm {
  static constexpr int BLOCK = 8;
  static constexpr int ROW_MULTIPLE = 2;

  template <int Rows>
  struct Sums {
    static constexpr int PAIRS = (Rows + 1) / 2;
    int32x4_t sums[PAIRS][COLUMNS / 2]; // lanes: row 0 column 0, row 0 column 1, row 1 column 0, row 1 column 1

    [[gnu::always_inline]] void clear() {
      for (auto &pair : sums) {
        for (int32x4_t &sum : pair) sum = vdupq_n_s32(0);
      }
    }

    template <typename Weights>
    [[gnu::always_inline]] void add(const int8_t *tile, const Weights &weights) {
      int8x16_t activations[PAIRS];
      for (int pair = 0; pair < PAIRS; pair++) activations[pair] = vld1q_s8(tile + 16 * pair);
#pragma GCC unroll 8
      for (int i = 0; i < COLUMNS / 2; i++) {
        const int8x16_t codes = weights(i);
#pragma GCC unroll 4
        for (int pair = 0; pair < PAIRS; pair++) {
          sums[pair][i] = vmmlaq_s32(sums[pair][i], activations[pair], codes);
        }
      }
    }

    [[gnu::always_inline]] int32x4_t row(int row, int v) const {
      const int64x2_t left = vreinterpretq_s64_s32(sums[row / 2][2 * v]);
      const int64x2_t right = vreinterpretq_s64_s32(sums[row / 2][2 * v + 1]);
      return vreinterpretq_s32_s64(row % 2 == 0 ? vtrn1q_s64(left, right) : vtrn2q_s64(left, right));
    }
  };
};

} // namespace

const IntegerKernels *integer_kernels_neon_i8mm() { return &integer_kernels<I8mm>; }

} // namespace cider

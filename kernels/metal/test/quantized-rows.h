// Rows of activations, quantized by the kernel and compared bit by bit with docs/numerics.md.
#pragma once

#include "edge-memory.h"
#include "../../cpu/integer-reference.h"

#include "../parameters.h"

namespace cider::test {

// Rows in memory that ends where the last one does, codes likewise.
class QuantizedRows {
public:
  QuantizedRows(uint32_t rows, uint32_t columns)
      : rows_(rows), columns_(columns), stride_((columns + 31) / 32 * 32), x_(size_t{rows} * columns),
        codes_(size_t{rows} * stride_), scales_(rows) {}
  float *row(uint32_t index) { return x_.data() + size_t{index} * columns_; }

  void check(Kernels &kernels, const char *what) {
    kernels.run("quantize_per_token", {rows_}, ROW_THREADS, x_.bound(), codes_.bound(), scales_.bound(),
                QuantizeParameters{columns_, stride_});
    Guarded<int8_t> expected(stride_);
    for (uint32_t i = 0; i < rows_; i++) {
      memset(expected.data(), 0, stride_);
      const float scale = quantize_row(row(i), columns_, expected.data());
      const int8_t *codes = codes_.data() + size_t{i} * stride_;
      uint32_t wrong = 0;
      while (wrong < stride_ && codes[wrong] == expected[wrong]) wrong++;
      CHECK(same(scales_[i], scale), "%s, row %u of %u columns: scale %.9g, not %.9g", what, i, columns_,
            static_cast<double>(scales_[i]), static_cast<double>(scale));
      CHECK(wrong == stride_, "%s, row %u of %u columns: code %u is %d, not %d", what, i, columns_, wrong, codes[wrong],
            expected[wrong]);
    }
    CHECK(codes_.intact() && scales_.intact(), "%s, %u columns: wrote before the output", what, columns_);
  }

private:
  uint32_t rows_, columns_, stride_;
  AtEdge<float> x_;
  AtEdge<int8_t> codes_;
  AtEdge<float> scales_;
};

} // namespace cider::test

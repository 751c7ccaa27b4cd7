#include "float-gemm-split.h"

#include <string.h>

#include "float-gemm.h"
#include "float-split.h"

namespace cider {
namespace {

// Consecutive k that are multiplied at a time, at most: a tile of so many stays in a first-level cache, through which
// panels pass.
constexpr uint32_t BLOCK_DEPTH = 288;

// k that are widened at a time before they are split, so few that they stay in a first-level cache.
constexpr uint32_t WIDENED_DEPTH = 64;

// How far ahead of a kernel a panel is fetched that is read in one go.
constexpr size_t FETCH_AHEAD = 3072;

// Some k of the panels that are multiplied, in units of SPLIT_DEPTH.
struct Block {
  uint32_t from, end;

  uint32_t depth() const { return (end - from) * SPLIT_DEPTH; }
};

// Tiles that are multiplied with some panels of a weight.
class Multiplication {
public:
  Multiplication(const PackedWeight &weight, const PackedRows &x, Range tiles, Range panels, float *out, size_t stride,
                 float *scratch)
      : weight_(weight), x_(x), tiles_(tiles), panels_(panels), out_(out), stride_(stride), sums_(scratch),
        is_bf16_(weight.shape.format == FloatFormat::bf16), step_bytes_(step_floats(weight.kernels) * sizeof(float)) {
    widened_ = sums_ + sums_floats(weight.kernels);
    high_ = reinterpret_cast<uint8_t *>(widened_ + size_t{WIDENED_DEPTH} * weight.layout.panel);
    low_ = high_ + MAX_PANELS * BLOCK_DEPTH / SPLIT_DEPTH * step_bytes_;
  }

  static size_t scratch_floats(const FloatKernels &kernels) {
    const size_t parts = 2 * MAX_PANELS * BLOCK_DEPTH / SPLIT_DEPTH * step_floats(kernels);
    return sums_floats(kernels) + size_t{WIDENED_DEPTH} * kernels.panel + parts;
  }

  // A single tile takes whole panels of bf16, one after the other, as memory is fastest when it is read in order;
  // others take blocks of all panels, so that what goes with a block stays in a first-level cache.
  void multiply() const {
    const uint32_t steps = x_.padded_k / SPLIT_DEPTH;
    const uint32_t blocks = is_bf16_ && tile_count() == 1 ? 1 : divide_up(x_.padded_k, BLOCK_DEPTH);
    for (uint32_t i = 0; i < blocks; i++) {
      const Block block = {static_cast<uint32_t>(uint64_t{steps} * i / blocks),
                           static_cast<uint32_t>(uint64_t{steps} * (i + 1) / blocks)};
      if (!is_bf16_) split_panels(block);
      for (uint32_t tile = tiles_.begin; tile < tiles_.end; tile++) multiply_tile(tile, block);
    }
  }

private:
  // Floats that take as much memory as SPLIT_DEPTH k of a panel of bf16.
  static size_t step_floats(const FloatKernels &kernels) { return size_t{kernels.panel} * SPLIT_DEPTH / 2; }
  static size_t sums_floats(const FloatKernels &kernels) {
    return size_t{SPLIT_TILES_PER_BLOCK} * MAX_PANELS * kernels.split->tile_rows * kernels.panel;
  }

  uint32_t tile_count() const { return tiles_.end - tiles_.begin; }
  uint32_t panel_count() const { return panels_.end - panels_.begin; }

  // Panels that are not of bf16 -> high and low parts, in scratch.
  void split_panels(const Block &block) const {
    const SplitKernels &split = *weight_.kernels.split;
    const size_t panel = weight_.layout.panel;
    for (uint32_t i = 0; i < panel_count(); i++) {
      size_t offset = i * (block.end - block.from) * step_bytes_;
      for (uint32_t from = block.from * SPLIT_DEPTH; from < block.end * SPLIT_DEPTH; from += WIDENED_DEPTH) {
        const uint32_t depth = least(block.end * SPLIT_DEPTH - from, WIDENED_DEPTH);
        const uint32_t count = least(weight_.shape.k - from, depth);
        widen_panel(weight_, panels_.begin + i, from, from + count, widened_);
        memset(widened_ + count * panel, 0, (depth - count) * panel * sizeof(float));
        split.split_panel(widened_, depth, high_ + offset, low_ + offset);
        offset += depth / SPLIT_DEPTH * step_bytes_;
      }
    }
  }

  // Sums wait in scratch for those of the next block, and where out has no whole panel left.
  void multiply_tile(uint32_t tile, const Block &block) const {
    const auto &[kernels, shape, layout, bias, panels] = weight_;
    const uint32_t row = first_row(x_, tile);
    const uint32_t rows = first_row(x_, tile + 1) - row;
    const uint32_t index = tile - tiles_.begin;
    const size_t panel_floats = size_t{kernels.split->tile_rows} * layout.panel;
    float *sums = sums_ + index * panel_floats * panel_count();
    const PanelSums<const float> biases = {bias + size_t{panels_.begin} * layout.panel, 0, layout.panel};
    const PanelSums<const float> sums_so_far = {sums, layout.panel, panel_floats};
    const size_t block_bytes = (block.end - block.from) * step_bytes_;
    SplitProduct product = {
        .tile = x_.values + size_t{row} * x_.padded_k + size_t{block.from} * SPLIT_DEPTH * rows,
        .rows = rows,
        .panels = panels + panels_.begin * layout.panel_bytes + block.from * step_bytes_,
        .panel_bytes = layout.panel_bytes,
        .count = panel_count(),
        .depth = block.depth(),
        .high_only = false,
        .addend = block.from == 0 ? biases : sums_so_far,
        .out = {sums, layout.panel, panel_floats},
        .fetch = fetch_of(tile, block),
    };
    if (!is_bf16_) {
      product.panels = low_;
      product.panel_bytes = block_bytes;
      product.high_only = true;
      kernels.split->multiply(product);
      product.panels = high_;
      product.high_only = false;
      product.addend = sums_so_far;
    }
    if (block.end * SPLIT_DEPTH < x_.padded_k) return kernels.split->multiply(product);

    const uint32_t whole = least(panels_.end, shape.n / layout.panel) - panels_.begin;
    float *target = out_ + (row - first_row(x_, tiles_.begin)) * stride_;
    SplitProduct last = product;
    product.count = whole;
    product.out = {target, stride_, layout.panel};
    kernels.split->multiply(product);
    if (whole == panel_count()) return;
    last.panels += whole * last.panel_bytes;
    last.count = 1;
    last.addend.data += whole * last.addend.panel_stride;
    kernels.split->multiply(last);
    target += size_t{whole} * layout.panel;
    const size_t columns = shape.n % layout.panel;
    for (uint32_t i = 0; i < rows; i++) memcpy(target + i * stride_, sums + i * layout.panel, columns * sizeof(float));
  }

  // What follows in memory, in equal parts while the tiles are multiplied; with one tile, just ahead of it.
  SplitProduct::Fetch fetch_of(uint32_t tile, const Block &block) const {
    SplitProduct::Fetch fetch = {};
    if (is_bf16_) {
      const size_t part = align_up(divide_up(step_bytes_, size_t{tile_count()}));
      fetch.panel_bytes = static_cast<uint32_t>(part);
      fetch.panel_distance = FETCH_AHEAD;
      if (tile_count() > 1)
        fetch.panel_distance = (block.end - block.from) * (step_bytes_ + part * (tile - tiles_.begin));
    }
    if (tile + 1 < tiles_.end) {
      const uint32_t row = first_row(x_, tile + 1);
      const uint32_t rows = row - first_row(x_, tile);
      fetch.tile = x_.values + size_t{row} * x_.padded_k + size_t{block.from} * SPLIT_DEPTH * rows;
      fetch.tile_bytes =
          static_cast<uint32_t>(align_up(divide_up(rows * SPLIT_DEPTH * sizeof(float), size_t{panel_count()})));
    }
    return fetch;
  }

  const PackedWeight &weight_;
  const PackedRows &x_;
  Range tiles_, panels_;
  float *out_;
  size_t stride_;
  float *sums_;          // [tiles, panels, rows of a tile, panel]
  float *widened_;       // [WIDENED_DEPTH, panel]
  uint8_t *high_, *low_; // [panels, depth of a block / 2, panel, 2] bf16
  bool is_bf16_;
  size_t step_bytes_; // of SPLIT_DEPTH k of a panel of bf16
};

} // namespace

size_t split_scratch_floats(const FloatKernels &kernels) { return Multiplication::scratch_floats(kernels); }

void multiply_panels_split(const PackedWeight &weight, const PackedRows &x, Range tiles, Range panels, float *out,
                           size_t stride, float *scratch) {
  Multiplication(weight, x, tiles, panels, out, stride, scratch).multiply();
}

} // namespace cider

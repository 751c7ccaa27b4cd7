// Products on units that multiply matrices of bf16 and add in f32. An activation goes in as the sum of two bf16:
//
//   x = high + low + error,  high = bf16(x), low = bf16(x - high), both to nearest: |error| ≤ 2^-18 |x|,
//
// and a weight of bf16 as it is, so that x · w is off by 2^-18 of itself, as much as the f32 sum of 64 products may be.
// A single bf16 for x would be off by 2^-9. Other weights are split alike, once for many rows, and the product of the
// low parts is left out: it is off by 3 · 2^-18 then. Numbers below 2^-126 count as 0, be they weights, parts or sums.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace cider {

// Sums [rows, panel] of some panels, whichever way they lie: distances in floats.
template <class Float>
struct PanelSums {
  Float *data;
  size_t stride;       // from row to row; 0 for sums that all rows share
  size_t panel_stride; // from panel to panel
};

// out [rows, panel] = addend [rows, panel] + tile [rows, depth] · panel [depth, panel], for some panels.
struct SplitProduct {
  const void *tile; // as pack_tile leaves it, from some k on that is a multiple of SPLIT_DEPTH
  uint32_t rows;
  const uint8_t *panels; // [depth / 2, panel, 2] bf16 each
  size_t panel_bytes;    // from panel to panel
  uint32_t count;        // panels
  uint32_t depth;        // a multiple of SPLIT_DEPTH
  bool high_only;        // leave out the low part of the tile
  PanelSums<const float> addend;
  PanelSums<float> out; // may be the addend
  // What to fetch into a cache meanwhile, with each SPLIT_DEPTH k of a panel: so many bytes at this distance from where
  // the panel begins, and so many of the next tile. They need not exist.
  struct Fetch {
    size_t panel_distance;
    uint32_t panel_bytes;
    uint32_t tile_bytes;
    const void *tile;
  } fetch;
};
constexpr uint32_t SPLIT_DEPTH = 32;

struct SplitKernels {
  uint32_t tile_rows;
  // x [rows, K] -> tile [K up to a multiple of SPLIT_DEPTH, rows] of pairs of bf16, in the order of the units. An
  // infinity or a NaN goes in as itself and a low part of 0.
  void (*pack_tile)(const float *x, size_t rows, size_t k, void *tile);
  // weights [depth, panel] -> high and low [depth / 2, panel, 2], for a depth that is a multiple of SPLIT_DEPTH
  void (*split_panel)(const float *weights, uint32_t depth, uint8_t *high, uint8_t *low);
  void (*multiply)(const SplitProduct &product);
};

} // namespace cider

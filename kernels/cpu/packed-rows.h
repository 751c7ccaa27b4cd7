// Activations in the order in which the kernels of a float product read them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "float-kernels.h"
#include "float-linear.h"
#include "sizes.h"

namespace cider {

class ThreadPool;

struct Range {
  uint32_t begin, end;
};

// Tiles of a block for matrix units.
constexpr uint32_t SPLIT_TILES_PER_BLOCK = 16;

// How rows of activations go with a weight.
struct RowLayout {
  bool is_split;            // for matrix units
  uint32_t tile_rows;       // at most
  uint32_t tiles_per_block; // that a thread multiplies by one panel after the other, so that they stay in its own cache
  uint32_t k, padded_k;
  void (*pack_tile)(const float *x, size_t rows, size_t k, void *tile);

  uint32_t block_rows() const { return tile_rows * tiles_per_block; }
};
RowLayout row_layout(const FloatKernels &kernels, const FloatShape &shape, uint32_t rows);

// Rows of activations in tiles of nearly equal numbers of rows, each [padded K, rows of the tile] of 4 bytes.
struct PackedRows {
  bool is_split;
  const float *values;
  uint32_t rows, tiles;
  uint32_t padded_k;
};
static inline uint32_t first_row(const PackedRows &x, uint32_t tile) {
  return static_cast<uint32_t>(uint64_t{x.rows} * tile / x.tiles);
}

// The tiles of a block, if there are so many blocks of nearly equal size.
static inline Range tiles_of_block(const PackedRows &x, uint32_t block, uint32_t blocks) {
  return {static_cast<uint32_t>(uint64_t{x.tiles} * block / blocks),
          static_cast<uint32_t>(uint64_t{x.tiles} * (block + 1) / blocks)};
}

// Rows that are packed at a time, so that they fit into a cache shared by all threads: at least one block of tiles.
uint32_t rows_per_chunk(const RowLayout &layout);

// Packs x [rows, K] into values [rows, padded K].
PackedRows pack_rows(const RowLayout &layout, ThreadPool &pool, const float *x, uint32_t rows, float *values);

} // namespace cider
